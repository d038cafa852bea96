package heureka.interop;

import io.micronaut.context.annotation.Value;
import io.micronaut.discovery.CompositeDiscoveryClient;
import io.micronaut.discovery.ServiceInstance;
import io.micronaut.discovery.eureka.client.v2.EurekaClient;
import io.micronaut.http.annotation.Controller;
import io.micronaut.http.annotation.Get;
import io.micronaut.http.annotation.QueryValue;
import io.micronaut.http.client.HttpClient;
import io.micronaut.runtime.Micronaut;
import io.micronaut.scheduling.TaskExecutors;
import io.micronaut.scheduling.annotation.ExecuteOn;
import java.util.List;
import java.util.Map;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/** An ordinary Micronaut application; every setting comes from the command line. */
@Controller("/")
@ExecuteOn(TaskExecutors.BLOCKING)
public class Application {
    private final CompositeDiscoveryClient discovery;
    private final EurekaClient eureka;
    private final String app;
    private final String id;

    Application(CompositeDiscoveryClient discovery, EurekaClient eureka,
                @Value("${fixture.app}") String app, @Value("${fixture.id}") String id) {
        this.discovery = discovery;
        this.eureka = eureka;
        this.app = app;
        this.id = id;
    }

    public static void main(String[] args) {
        Micronaut.run(Application.class, args);
    }

    @Get("/hello")
    String hello() {
        return id;
    }

    @Get("/instances")
    List<Map<String, Object>> instances(@QueryValue("app") String other) {
        return find(other).stream().map(Application::view).toList();
    }

    private List<ServiceInstance> find(String other) {
        return Flux.from(discovery.getInstances(other.toLowerCase())).blockFirst();
    }

    private static Map<String, Object> view(ServiceInstance instance) {
        return Map.of(
                "id", instance.getInstanceId().orElse(""),
                "host", instance.getHost(),
                "port", instance.getPort(),
                "metadata", instance.getMetadata().asMap());
    }

    @Get("/call")
    String call(@QueryValue("app") String other, @QueryValue("path") String path) throws Exception {
        try (HttpClient http = HttpClient.create(find(other).get(0).getURI().toURL())) {
            return http.toBlocking().retrieve(path);
        }
    }

    @Get("/metadata")
    String metadata(@QueryValue("key") String key, @QueryValue("value") String value) {
        Mono.from(eureka.updateMetadata(app, id, key, value)).block();
        return value;
    }

    @Get("/stats")
    Map<String, Object> stats() {
        return Map.of("version", EurekaClient.class.getProtectionDomain().getCodeSource().getLocation().getPath()
                .replaceAll(".*micronaut-discovery-client-(.*)\\.jar", "$1"));
    }
}
