package heureka.interop;

import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.SpringBootApplication;
import org.springframework.cloud.client.loadbalancer.LoadBalanced;
import org.springframework.context.annotation.Bean;
import org.springframework.web.client.RestTemplate;

/** An ordinary Spring Cloud application; every setting comes from the command line. */
@SpringBootApplication
public class Client {
    public static void main(String[] args) {
        SpringApplication app = new SpringApplication(Client.class);
        // Spring Boot configures logging before it runs initializers and makes the
        // Eureka client after them, so the journal misses nothing.
        app.addInitializers(context -> Journal.attach());
        app.run(args);
    }

    @Bean
    @LoadBalanced
    RestTemplate balanced() {
        return new RestTemplate();
    }
}
