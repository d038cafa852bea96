package heureka.interop;

import com.netflix.appinfo.InstanceInfo;
import com.netflix.discovery.EurekaClient;
import com.netflix.discovery.endpoint.EndpointUtils;
import com.netflix.discovery.shared.Application;
import com.netflix.discovery.shared.Applications;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;
import org.springframework.cloud.client.ServiceInstance;
import org.springframework.cloud.client.loadbalancer.LoadBalancerClient;
import org.springframework.cloud.netflix.eureka.EurekaClientConfigBean;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.RequestParam;
import org.springframework.web.bind.annotation.RestController;

/** What the Netflix client believes of the registry, and whom Spring's load balancer would call. */
@RestController
class Beliefs {
    private final EurekaClient eureka;
    private final LoadBalancerClient balancer;

    Beliefs(EurekaClient eureka, LoadBalancerClient balancer) {
        this.eureka = eureka;
        this.balancer = balancer;
    }

    @GetMapping("/beliefs")
    Map<String, Object> beliefs(@RequestParam("vips") List<String> vips) {
        Applications copy = eureka.getApplications();
        Map<String, Object> all = new TreeMap<>();
        Map<String, Object> apps = new TreeMap<>();
        for (Application app : copy.getRegisteredApplications()) {
            for (InstanceInfo info : app.getInstancesAsIsFromEureka()) {
                all.put(app.getName() + "/" + info.getInstanceId(), info.getStatus().name());
            }
            put(apps, app.getName(), app.getInstances());
        }
        Map<String, Object> plain = new TreeMap<>();
        Map<String, Object> secure = new TreeMap<>();
        for (String vip : vips) {
            put(plain, vip, eureka.getInstancesByVipAddress(vip, false));
            put(secure, vip, eureka.getInstancesByVipAddress(vip, true));
        }
        return Map.of("all", all, "apps", apps, "vips", plain, "secureVips", secure, "hash", copy.getReconcileHashCode());
    }

    private static void put(Map<String, Object> map, String name, List<InstanceInfo> found) {
        TreeSet<String> ids = new TreeSet<>();
        found.forEach(info -> ids.add(info.getInstanceId()));
        if (!ids.isEmpty()) {
            map.put(name, ids);
        }
    }

    @GetMapping("/picks")
    TreeSet<String> picks(@RequestParam("app") String app, @RequestParam("n") int n) {
        TreeSet<String> ids = new TreeSet<>();
        for (int i = 0; i < n; i++) {
            ServiceInstance picked = balancer.choose(app);
            if (picked == null) {
                break; // it logs each time
            }
            ids.add(picked.getInstanceId());
        }
        return ids;
    }

    /** The servers in the order of the zones; urls are of the form zone=url. */
    @GetMapping("/servers")
    List<List<String>> servers(@RequestParam("zones") String zones, @RequestParam("zone") String zone,
            @RequestParam("urls") List<String> urls) {
        EurekaClientConfigBean config = new EurekaClientConfigBean();
        config.setRegion("here");
        config.setAvailabilityZones(Map.of("here", zones));
        Map<String, String> byZone = new TreeMap<>();
        for (String entry : urls) {
            int at = entry.indexOf('=');
            byZone.merge(entry.substring(0, at), entry.substring(at + 1), (a, b) -> a + "," + b);
        }
        config.setServiceUrl(byZone);
        return new ArrayList<>(EndpointUtils.getServiceUrlsMapFromConfig(config, zone, true).values());
    }
}
