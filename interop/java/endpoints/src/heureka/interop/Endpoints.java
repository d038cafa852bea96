package heureka.interop;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.URLDecoder;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Executors;
import java.util.stream.Collectors;

import static java.nio.charset.StandardCharsets.UTF_8;

/** What the test may ask of an application that has no web framework of its own, and ask it to do. */
public class Endpoints {
    /** What the application does by its library. */
    public interface Application {
        String id();

        List<Found> instances(String app) throws Exception;

        String version();

        default void status(String value) throws Exception {
            throw new UnsupportedOperationException();
        }

        default void metadata(String key, String value) throws Exception {
            throw new UnsupportedOperationException();
        }
    }

    /** An instance as the application sees it. */
    public record Found(String id, String host, int port, Map<String, String> metadata) {}

    private final Application application;
    private final HttpClient http = HttpClient.newHttpClient();

    private Endpoints(Application application) {
        this.application = application;
    }

    public static void serve(int port, Application application) throws IOException {
        Endpoints endpoints = new Endpoints(application);
        HttpServer server = HttpServer.create(new InetSocketAddress("127.0.0.1", port), 0);
        server.createContext("/", endpoints::handle);
        server.setExecutor(Executors.newFixedThreadPool(4));
        server.start();
    }

    /** The arguments --name=value by their names. */
    public static Map<String, String> arguments(String[] args) {
        Map<String, String> named = new HashMap<>();
        for (String arg : args) {
            String[] parts = arg.substring(2).split("=", 2);
            named.put(parts[0], parts[1]);
        }
        return named;
    }

    private void handle(HttpExchange exchange) throws IOException {
        String answer;
        int code = 200;
        try {
            answer = answer(exchange.getRequestURI().getPath(), query(exchange.getRequestURI().getRawQuery()));
        } catch (Exception e) { // the test sees what went wrong
            answer = e.toString();
            code = 500;
        }
        byte[] body = answer.getBytes(UTF_8);
        exchange.sendResponseHeaders(code, body.length);
        exchange.getResponseBody().write(body);
        exchange.close();
    }

    private String answer(String path, Map<String, String> query) throws Exception {
        switch (path) {
            case "/hello":
                return application.id();
            case "/instances":
                return application.instances(query.get("app")).stream().map(Endpoints::json).collect(Collectors.joining(",", "[", "]"));
            case "/call":
                return call(query.get("app"), query.get("path"));
            case "/status":
                application.status(query.get("value"));
                return query.get("value");
            case "/metadata":
                application.metadata(query.get("key"), query.get("value"));
                return query.get("value");
            case "/stats":
                return json(Map.of("version", application.version()));
            default:
                throw new IllegalArgumentException(path);
        }
    }

    private String call(String app, String path) throws Exception {
        Found found = application.instances(app).get(0);
        URI uri = URI.create("http://" + found.host() + ":" + found.port() + path);
        return http.send(HttpRequest.newBuilder(uri).build(), BodyHandlers.ofString()).body();
    }

    private static Map<String, String> query(String raw) {
        Map<String, String> parameters = new HashMap<>();
        for (String pair : (raw == null ? "" : raw).split("&")) {
            String[] parts = pair.split("=", 2);
            parameters.put(parts[0], parts.length == 2 ? URLDecoder.decode(parts[1], UTF_8) : "");
        }
        return parameters;
    }

    private static String json(Found f) {
        return "{\"id\":" + quote(f.id()) + ",\"host\":" + quote(f.host()) + ",\"port\":" + f.port()
                + ",\"metadata\":" + json(f.metadata()) + "}";
    }

    private static String json(Map<String, String> map) {
        return map.entrySet().stream().map(e -> quote(e.getKey()) + ":" + quote(e.getValue())).collect(Collectors.joining(",", "{", "}"));
    }

    /** Good enough for the ids, names and words that the tests use. */
    private static String quote(String s) {
        return '"' + s.replace("\\", "\\\\").replace("\"", "\\\"") + '"';
    }
}
