package heureka.interop;

import com.linecorp.armeria.client.ClientFactory;
import com.linecorp.armeria.client.Endpoint;
import com.linecorp.armeria.client.eureka.EurekaEndpointGroup;
import com.linecorp.armeria.common.util.Version;
import com.linecorp.armeria.server.Server;
import com.linecorp.armeria.server.eureka.EurekaUpdatingListener;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/** An application on Armeria: its server registers itself, its endpoint groups follow an application each. */
public class Armeria implements Endpoints.Application {
    private final Map<String, String> args;
    private final Map<String, EurekaEndpointGroup> groups = new ConcurrentHashMap<>();

    private Armeria(Map<String, String> args) {
        this.args = args;
    }

    public static void main(String[] argv) throws Exception {
        Map<String, String> args = Endpoints.arguments(argv);
        Armeria self = new Armeria(args);
        int port = Integer.parseInt(args.get("port"));
        Endpoints.serve(port, self);
        // What it registers is the port of the test's endpoints; its own server is there to have a life that it tells of.
        // It sends its cancel without waiting for the answer, and by a factory that closes when the JVM ends: so this one does
        // not, and the server takes a moment to stop, as one in production does.
        ClientFactory.disableShutdownHook();
        Server server = Server.builder()
                .http(0)
                .gracefulShutdownTimeoutMillis(1000, 1500)
                .service("/", (ctx, req) -> com.linecorp.armeria.common.HttpResponse.of("registered"))
                .serverListener(EurekaUpdatingListener.builder(args.get("server"))
                        .instanceId(self.id())
                        .appName(args.get("app"))
                        .vipAddress(args.get("app"))
                        .hostname("127.0.0.1")
                        .ipAddr("127.0.0.1")
                        .port(port)
                        .renewalIntervalSeconds(1)
                        .leaseDurationSeconds(Integer.parseInt(args.get("lease")))
                        .metadata(Map.of("fixture", args.get("fixture")))
                        .build())
                .build();
        server.closeOnJvmShutdown();
        server.start().join();
    }

    @Override
    public String id() {
        return "127.0.0.1:" + args.get("app") + ":" + args.get("port");
    }

    @Override
    public List<Endpoints.Found> instances(String app) {
        return groups.computeIfAbsent(app, this::follow).endpoints().stream().map(Armeria::view).toList();
    }

    private EurekaEndpointGroup follow(String app) {
        return EurekaEndpointGroup.builder(args.get("server")).appName(app).registryFetchIntervalSeconds(1).build();
    }

    private static Endpoints.Found view(Endpoint e) {
        var instance = com.linecorp.armeria.common.eureka.InstanceInfo.instanceInfo(e);
        return new Endpoints.Found(instance.getInstanceId(), e.ipAddr() == null ? e.host() : e.ipAddr(), e.port(), instance.getMetadata());
    }

    @Override
    public String version() {
        return Version.get("armeria-eureka").artifactVersion();
    }
}
