import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.math.BigDecimal;
import java.time.Instant;
import java.time.LocalDate;
import java.time.OffsetDateTime;
import java.util.Properties;
import java.util.Set;
import java.util.regex.Pattern;
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

    /** What the contract asks of the fact, as the Python contenders check it. */
    private static final class Contract {
        private static final Pattern WORD = Pattern.compile("^[^\\s\\x00-\\x1f]{1,120}$");
        private static final Pattern LINE = Pattern.compile("^[^\\x00-\\x1f]{1,200}$");
        private static final Pattern AMOUNT = Pattern.compile("^-?\\d{1,15}(\\.\\d{1,2})?$");
        private static final Pattern CURRENCY = Pattern.compile("^[A-Z]{3}$");
        private static final Set<String> PRODUCTS = Set.of("micro_loan", "consumer_loan", "credit_card");

        static void check(JsonNode event) {
            text(event, "id", LINE);
            text(event, "source", LINE);
            require("1.0".equals(event.get("specversion").textValue()), "specversion");
            require("bench.overdue.v1".equals(event.get("type").textValue()), "type");
            OffsetDateTime.parse(event.get("time").textValue());
            JsonNode fact = event.get("data");
            text(fact, "loan_id", WORD);
            text(fact, "borrower_id", WORD);
            text(fact, "currency", CURRENCY);
            require(PRODUCTS.contains(fact.get("product").textValue()), "product");
            LocalDate.parse(fact.get("business_date").textValue());
            LocalDate.parse(fact.get("oldest_due_date").textValue());
            require(fact.get("days_past_due").isInt() && fact.get("days_past_due").intValue() >= 1, "days_past_due");
            for (String name : new String[] {"principal", "interest", "fees"}) {
                notNegative(fact.get("arrears"), name);
            }
            notNegative(fact, "outstanding_principal");
            int length = fact.get("region").textValue().length();
            require(length >= 2 && length <= 20, "region");
        }

        private static void text(JsonNode node, String name, Pattern pattern) {
            require(pattern.matcher(node.get(name).textValue()).matches(), name);
        }

        private static void notNegative(JsonNode node, String name) {
            text(node, name, AMOUNT);
            require(new BigDecimal(node.get(name).textValue()).signum() >= 0, name);
        }

        private static void require(boolean holds, String name) {
            if (!holds) {
                throw new IllegalArgumentException(name);
            }
        }
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
                Contract.check(event);
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
