package heureka.interop;

import com.netflix.appinfo.ApplicationInfoManager;
import com.netflix.appinfo.InstanceInfo;
import com.netflix.appinfo.MyDataCenterInstanceConfig;
import com.netflix.discovery.DefaultEurekaClientConfig;
import com.netflix.discovery.DiscoveryManager;
import com.netflix.discovery.shared.Application;
import java.util.List;
import java.util.Map;
import java.util.Properties;

/** An application on Netflix's own client, without Spring: its settings are system properties, which Archaius reads. */
public class Netflix implements Endpoints.Application {
    private final Map<String, String> args;

    private Netflix(Map<String, String> args) {
        this.args = args;
    }

    @SuppressWarnings("deprecation") // what applications of that time call
    public static void main(String[] argv) throws Exception {
        Map<String, String> args = Endpoints.arguments(argv);
        Netflix self = new Netflix(args);
        self.settings().forEach((name, value) -> System.setProperty((String) name, (String) value));
        DiscoveryManager.getInstance().initComponent(new Config(args), new DefaultEurekaClientConfig());
        Runtime.getRuntime().addShutdownHook(new Thread(() -> DiscoveryManager.getInstance().shutdownComponent()));
        self.status("UP");
        Endpoints.serve(Integer.parseInt(args.get("port")), self);
    }

    /** The oldest client sends no id, so that its host is one; later ones ask for it. */
    private static class Config extends MyDataCenterInstanceConfig {
        private final String id;

        Config(Map<String, String> args) {
            id = "127.0.0.1:" + args.get("app").toLowerCase() + ":" + args.get("port");
        }

        @Override
        public String getHostName(boolean refresh) {
            return "127.0.0.1";
        }

        public String getInstanceId() {
            return id;
        }
    }

    private Properties settings() {
        Properties p = new Properties();
        p.setProperty("eureka.name", args.get("app"));
        p.setProperty("eureka.vipAddress", args.get("app"));
        p.setProperty("eureka.port", args.get("port"));
        p.setProperty("eureka.lease.renewalInterval", "1");
        p.setProperty("eureka.lease.duration", args.get("lease"));
        p.setProperty("eureka.metadata.fixture", args.get("fixture"));
        p.setProperty("eureka.region", "default");
        p.setProperty("eureka.shouldUseDns", "false");
        p.setProperty("eureka.preferSameZone", "false");
        p.setProperty("eureka.serviceUrl.default", args.get("server"));
        p.setProperty("eureka.serviceUrl.defaultZone", args.get("server"));
        p.setProperty("eureka.client.refresh.interval", "1");
        p.setProperty("eureka.appinfo.initial.replicate.time", "1");
        p.setProperty("eureka.appinfo.replicate.interval", "1");
        return p;
    }

    @Override
    public String id() {
        return ApplicationInfoManager.getInstance().getInfo().getId();
    }

    @Override
    public List<Endpoints.Found> instances(String app) {
        Application found = DiscoveryManager.getInstance().getDiscoveryClient().getApplication(app);
        return found == null ? List.of() : found.getInstances().stream().map(Netflix::view).toList();
    }

    private static Endpoints.Found view(InstanceInfo i) {
        return new Endpoints.Found(i.getId(), i.getHostName(), i.getPort(), i.getMetadata());
    }

    @Override
    public void status(String value) {
        ApplicationInfoManager.getInstance().setInstanceStatus(InstanceInfo.InstanceStatus.valueOf(value));
    }

    @Override
    public void metadata(String key, String value) {
        ApplicationInfoManager.getInstance().registerAppMetadata(Map.of(key, value));
    }

    @Override
    public String version() {
        return com.netflix.discovery.DiscoveryClient.class.getProtectionDomain().getCodeSource().getLocation().getPath()
                .replaceAll(".*eureka-client-(.*)\\.jar", "$1");
    }
}
