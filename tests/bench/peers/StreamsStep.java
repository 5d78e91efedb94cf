import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.math.BigDecimal;
import java.time.Instant;
import java.util.Properties;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.processor.api.FixedKeyProcessor;
import org.apache.kafka.streams.processor.api.FixedKeyProcessorContext;
import org.apache.kafka.streams.processor.api.FixedKeyRecord;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.Stores;

/** The step in Kafka Streams, exactly once (v2): a state per loan in RocksDB with its changelog, one event for each. */
public final class StreamsStep {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final String LOANS = "loans";

    private StreamsStep() {
    }

    public static void main(String[] arguments) {
        StreamsBuilder builder = new StreamsBuilder();
        builder.addStateStore(
                Stores.keyValueStoreBuilder(Stores.persistentKeyValueStore(LOANS), Serdes.String(), Serdes.ByteArray()));
        builder.stream("bench.loans.v1", Consumed.with(Serdes.String(), Serdes.ByteArray()))
                .processValues(Step::new, LOANS)
                .to(System.getenv("BENCH_SAID"), Produced.with(Serdes.String(), Serdes.ByteArray()));
        KafkaStreams streams = new KafkaStreams(builder.build(), settings());
        Runtime.getRuntime().addShutdownHook(new Thread(streams::close));
        streams.start();
    }

    private static Properties settings() {
        Properties settings = new Properties();
        settings.put(StreamsConfig.APPLICATION_ID_CONFIG, "bench-streams");
        settings.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, System.getenv("BENCH_BOOTSTRAP"));
        settings.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, StreamsConfig.EXACTLY_ONCE_V2);
        settings.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, 2);
        settings.put(StreamsConfig.REPLICATION_FACTOR_CONFIG, 1);
        settings.put(StreamsConfig.STATE_DIR_CONFIG, System.getenv("BENCH_FOLDER"));
        settings.put(StreamsConfig.consumerPrefix("auto.offset.reset"), "earliest");
        return settings;
    }

    /** One loan after another. */
    private static final class Step implements FixedKeyProcessor<String, byte[], byte[]> {
        private FixedKeyProcessorContext<String, byte[]> context;
        private KeyValueStore<String, byte[]> loans;

        @Override
        public void init(FixedKeyProcessorContext<String, byte[]> given) {
            context = given;
            loans = given.getStateStore(LOANS);
        }

        @Override
        public void process(FixedKeyRecord<String, byte[]> record) {
            try {
                JsonNode event = JSON.readTree(record.value());
                JsonNode fact = event.get("data");
                String loanId = fact.get("loan_id").textValue();
                ObjectNode loan = step(loans.get(loanId), fact);
                loans.put(loanId, JSON.writeValueAsBytes(loan));
                context.forward(record.withValue(JSON.writeValueAsBytes(said(event, fact, loan))));
            } catch (java.io.IOException error) {
                throw new IllegalStateException(error);
            }
        }

        private static ObjectNode step(byte[] known, JsonNode fact) throws java.io.IOException {
            ObjectNode loan = known == null ? JSON.createObjectNode() : (ObjectNode) JSON.readTree(known);
            JsonNode arrears = fact.get("arrears");
            BigDecimal overdue = amount(arrears, "principal").add(amount(arrears, "interest")).add(amount(arrears, "fees"));
            BigDecimal worst = loan.has("worst") ? amount(loan, "worst").max(overdue) : overdue;
            loan.put("loan_id", fact.get("loan_id").textValue());
            loan.put("times", loan.path("times").intValue() + 1);
            loan.put("days_past_due", fact.get("days_past_due").intValue());
            loan.put("overdue", overdue.toPlainString());
            loan.put("worst", worst.toPlainString());
            loan.put("region", fact.get("region").textValue());
            loan.put("heard_at", Instant.now().toString());
            return loan;
        }

        private static BigDecimal amount(JsonNode node, String name) {
            return new BigDecimal(node.get(name).textValue());
        }

        private static ObjectNode said(JsonNode cause, JsonNode fact, ObjectNode loan) {
            ObjectNode event = JSON.createObjectNode();
            event.put("specversion", "1.0");
            event.put("id", loan.get("loan_id").textValue() + "-" + loan.get("times").intValue());
            event.put("source", "/peer");
            event.put("type", "bench.stepped.v1");
            event.put("time", loan.get("heard_at").textValue());
            event.put("subject", fact.get("borrower_id").textValue());
            event.put("datacontenttype", "application/json");
            event.put("dataschema", "urn:arrears:schema:bench.stepped.v1");
            event.put("partitionkey", fact.get("borrower_id").textValue());
            event.put("causationid", cause.get("id").textValue());
            ObjectNode data = event.putObject("data");
            data.put("loan_id", loan.get("loan_id").textValue());
            data.put("borrower_id", fact.get("borrower_id").textValue());
            data.setAll(loan);
            return event;
        }
    }
}
