package heureka.interop;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.AppenderBase;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import org.slf4j.LoggerFactory;

/**
 * Counts what the Eureka client says it did. The log is the only place where an
 * unmodified client tells a reconciled hash mismatch from an ordinary fetch.
 */
final class Journal extends AppenderBase<ILoggingEvent> {
    /** Counter name to the beginning of the unformatted message it counts. */
    private static final Map<String, String> MESSAGES = new LinkedHashMap<>();

    static {
        MESSAGES.put("full", "Getting all instance registry info from the eureka server");
        MESSAGES.put("delta", "Got delta update with apps hashcode");
        MESSAGES.put("deltaRefused", "The server does not allow the delta revision");
        MESSAGES.put("mismatch", "The Reconcile hashcodes do not match");
        MESSAGES.put("repaired", "The Reconcile hashcodes after complete sync up");
        MESSAGES.put("registered", "DiscoveryClient_{}: registering service");
    }

    private static final Journal INSTANCE = new Journal();

    private final Map<String, AtomicInteger> counts = new LinkedHashMap<>();

    private Journal() {
        MESSAGES.keySet().forEach(name -> counts.put(name, new AtomicInteger()));
    }

    static void attach() {
        Logger logger = (Logger) LoggerFactory.getLogger("com.netflix.discovery.DiscoveryClient");
        logger.setLevel(Level.DEBUG);
        INSTANCE.setContext(logger.getLoggerContext());
        INSTANCE.start();
        logger.addAppender(INSTANCE);
    }

    static Map<String, Object> counts() {
        return new LinkedHashMap<>(INSTANCE.counts);
    }

    @Override
    protected void append(ILoggingEvent event) {
        String message = event.getMessage();
        MESSAGES.forEach((name, beginning) -> {
            if (message != null && message.startsWith(beginning)) {
                counts.get(name).incrementAndGet();
            }
        });
    }
}
