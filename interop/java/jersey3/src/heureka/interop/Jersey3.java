package heureka.interop;

import com.netflix.discovery.AbstractDiscoveryClientOptionalArgs;
import com.netflix.discovery.Jersey3DiscoveryClientOptionalArgs;
import com.netflix.discovery.shared.transport.jersey.TransportClientFactories;
import com.netflix.discovery.shared.transport.jersey3.Jersey3TransportClientFactories;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;

/** Netflix's own transport. Spring Cloud gives it the certificates of eureka.client.tls.*, but does not make it. */
@Configuration
class Jersey3 {
    @Bean
    TransportClientFactories<?> transport() {
        return Jersey3TransportClientFactories.getInstance();
    }

    @Bean
    AbstractDiscoveryClientOptionalArgs<?> transportArguments() {
        return new Jersey3DiscoveryClientOptionalArgs();
    }
}
