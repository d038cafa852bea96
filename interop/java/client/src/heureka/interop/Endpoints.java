package heureka.interop;

import com.netflix.appinfo.ApplicationInfoManager;
import com.netflix.appinfo.InstanceInfo;
import com.netflix.discovery.EurekaClient;
import com.netflix.discovery.shared.Applications;
import com.netflix.discovery.util.DiscoveryBuildInfo;
import java.util.List;
import java.util.Map;
import org.springframework.cloud.client.ServiceInstance;
import org.springframework.cloud.client.discovery.DiscoveryClient;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.RequestParam;
import org.springframework.web.bind.annotation.RestController;
import org.springframework.web.client.RestTemplate;

/** What the test may ask of the application, and ask it to do. */
@RestController
class Endpoints {
    private final ApplicationInfoManager self;
    private final EurekaClient eureka;
    private final DiscoveryClient discovery;
    private final RestTemplate balanced;

    Endpoints(ApplicationInfoManager self, EurekaClient eureka, DiscoveryClient discovery, RestTemplate balanced) {
        this.self = self;
        this.eureka = eureka;
        this.discovery = discovery;
        this.balanced = balanced;
    }

    @GetMapping("/hello")
    String hello() {
        return self.getInfo().getInstanceId();
    }

    @GetMapping("/instances")
    List<Map<String, Object>> instances(@RequestParam("app") String app) {
        return discovery.getInstances(app).stream().map(Endpoints::view).toList();
    }

    private static Map<String, Object> view(ServiceInstance instance) {
        return Map.of(
                "id", instance.getInstanceId(),
                "host", instance.getHost(),
                "port", instance.getPort(),
                "metadata", instance.getMetadata());
    }

    @GetMapping("/call")
    String call(@RequestParam("app") String app, @RequestParam("path") String path) {
        return balanced.getForObject("http://" + app + path, String.class);
    }

    @GetMapping("/status")
    String status(@RequestParam("value") String value) {
        self.setInstanceStatus(InstanceInfo.InstanceStatus.valueOf(value));
        return self.getInfo().getStatus().name();
    }

    @GetMapping("/metadata")
    Map<String, String> metadata(@RequestParam("key") String key, @RequestParam("value") String value) {
        self.registerAppMetadata(Map.of(key, value));
        return self.getInfo().getMetadata();
    }

    @GetMapping("/stats")
    Map<String, Object> stats() {
        Map<String, Object> stats = Journal.counts();
        Applications copy = eureka.getApplications();
        stats.put("localHash", copy.getReconcileHashCode());
        stats.put("instances", copy.size());
        stats.put("version", DiscoveryBuildInfo.buildVersion());
        return stats;
    }
}
