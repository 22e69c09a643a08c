import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import java.util.concurrent.Callable;
import org.apache.flink.avro.registry.confluent.shaded.io.confluent.kafka.schemaregistry.ParsedSchema;
import org.apache.flink.avro.registry.confluent.shaded.io.confluent.kafka.schemaregistry.avro.AvroSchema;
import org.apache.flink.avro.registry.confluent.shaded.io.confluent.kafka.schemaregistry.client.CachedSchemaRegistryClient;
import org.apache.flink.avro.registry.confluent.shaded.io.confluent.kafka.schemaregistry.client.SchemaMetadata;
import org.apache.flink.avro.registry.confluent.shaded.io.confluent.kafka.schemaregistry.client.SchemaRegistryClient;
import org.apache.flink.avro.registry.confluent.shaded.io.confluent.kafka.schemaregistry.client.rest.RestService;
import org.apache.flink.avro.registry.confluent.shaded.io.confluent.kafka.schemaregistry.client.rest.entities.Config;
import org.apache.flink.avro.registry.confluent.shaded.io.confluent.kafka.schemaregistry.client.rest.entities.Metadata;
import org.apache.flink.avro.registry.confluent.shaded.io.confluent.kafka.schemaregistry.client.rest.entities.SchemaReference;
import org.apache.flink.avro.registry.confluent.shaded.io.confluent.kafka.schemaregistry.client.rest.exceptions.RestClientException;

/** Uses a registry as services on the JVM do, and prints what the client understood of every answer, one a line. */
public class Client {
    static final String MONEY = record("pl.common.v1.Money", "{\"name\":\"units\",\"type\":\"long\"}");
    static final String PAID = record("pl.shop.v1.Paid", "{\"name\":\"sum\",\"type\":\"pl.common.v1.Money\"}");
    static final String RENAMED = record("pl.common.v1.Money", "{\"name\":\"amount\",\"type\":\"long\"}");
    static final String GROWN = record("pl.common.v1.Money",
        "{\"name\":\"units\",\"type\":\"long\"},{\"name\":\"nanos\",\"type\":\"int\",\"default\":0}");
    static final String LAB = ":.lab:a/b c";

    final SchemaRegistryClient client;
    final RestService rest;

    Client(String url) {
        rest = new RestService(url);
        client = fresh();
    }

    // fresh remembers no answers.
    SchemaRegistryClient fresh() {
        return new CachedSchemaRegistryClient(rest, 100);
    }

    public static void main(String[] args) {
        Client c = new Client(args[0]);
        c.registers();
        c.reads();
        c.refers();
        c.checks();
        c.configures();
        c.usesContexts();
        c.deletes();
    }

    static String record(String name, String fields) {
        return "{\"type\":\"record\",\"name\":\"" + name + "\",\"fields\":[" + fields + "]}";
    }

    static void say(String what, Callable<Object> call) {
        Object answer;
        try {
            answer = call.call();
        } catch (RestClientException e) {
            answer = "refused " + e.getStatus() + " " + e.getErrorCode() + " " + e.getMessage();
        } catch (Exception e) {
            answer = e;
        }
        System.out.println(what + ": " + answer);
    }

    void registers() {
        say("register", () -> client.register("money", new AvroSchema(MONEY)));
        say("register again", () -> fresh().register("money", new AvroSchema(MONEY), true));
        say("register with response", () -> fresh().registerWithResponse("money", new AvroSchema(MONEY), false).getId());
        say("register with metadata", () -> client.register("owned", new AvroSchema("\"string\"").copy(
            new Metadata(null, Collections.singletonMap("owner", "motivation"), null), null)));
        say("register incompatible", () -> client.register("money", new AvroSchema(RENAMED)));
        say("register outside import mode", () -> client.register("money", new AvroSchema(GROWN), 7, 70));
        say("register no schema", () -> rest.registerSchema("{\"type\":\"nonsense\"}", "money"));
        say("register other type", () -> rest.registerSchema("syntax = \"proto3\";", "PROTOBUF", List.of(), "money"));
    }

    void reads() {
        say("id", () -> fresh().getId("money", new AvroSchema(MONEY)));
        say("id normalized", () -> fresh().getId("money", new AvroSchema(MONEY), true));
        say("version", () -> fresh().getVersion("money", new AvroSchema(MONEY)));
        say("id of missing schema", () -> fresh().getId("money", new AvroSchema(GROWN)));
        say("id of missing subject", () -> fresh().getId("none", new AvroSchema(GROWN)));
        say("schema", () -> fresh().getSchemaById(1));
        say("schema with the last id", () -> rest.getId(1, "", true).getMaxId());
        say("schema text", () -> rest.getOnlySchemaById(1));
        say("missing schema", () -> fresh().getSchemaById(99));
        say("metadata", () -> describe(client.getLatestSchemaMetadata("owned")) + " "
            + client.getLatestSchemaMetadata("owned").getMetadata().getProperties());
        say("version metadata", () -> describe(client.getSchemaMetadata("money", 1)));
        say("missing version", () -> client.getSchemaMetadata("money", 9));
        say("version text", () -> rest.getLatestVersionSchemaOnly("money"));
        say("versions", () -> client.getAllVersions("money"));
        say("subjects", () -> client.getAllSubjects());
        say("subjects with prefix", () -> client.getAllSubjectsByPrefix("mon"));
        say("subjects of id", () -> client.getAllSubjectsById(1));
        say("versions of id", () -> client.getAllVersionsById(1));
        say("schemas", () -> new TreeSet<>(names(client.getSchemas("m", false, true))));
        say("types", () -> rest.getSchemaTypes());
    }

    static List<String> names(List<ParsedSchema> schemas) {
        return schemas.stream().map(ParsedSchema::name).toList();
    }

    static String describe(SchemaMetadata m) {
        return "id " + m.getId() + " version " + m.getVersion() + " " + m.getSchemaType() + " " + m.getSchema();
    }

    void refers() {
        AvroSchema paid = new AvroSchema(PAID, List.of(new SchemaReference("pl.common.v1.Money", "money", 1)),
            Map.of("pl.common.v1.Money", MONEY), -1);
        say("register reference", () -> client.register("paid", paid));
        say("schema with reference", () -> fresh().getSchemaById(3).references());
        say("its resolved schema", () -> ((AvroSchema) fresh().getSchemaById(3)).rawSchema().getField("sum").schema().getFullName());
        say("referers", () -> rest.getReferencedBy("money", 1));
        say("delete what is referred to", () -> client.deleteSubject("money"));
        say("missing reference", () -> client.register("paid", new AvroSchema(PAID,
            List.of(new SchemaReference("pl.common.v1.Money", "money", 5)), Map.of("pl.common.v1.Money", MONEY), -1)));
    }

    void checks() {
        say("compatible", () -> client.testCompatibility("money", new AvroSchema(GROWN)));
        say("incompatible", () -> client.testCompatibility("money", new AvroSchema(RENAMED)));
        say("reasons", () -> client.testCompatibilityVerbose("money", new AvroSchema(RENAMED)));
        say("no reasons", () -> client.testCompatibilityVerbose("money", new AvroSchema(GROWN)));
        say("against a version", () -> rest.testCompatibility(RENAMED, "money", "latest"));
    }

    void configures() {
        say("level", () -> client.getCompatibility(null));
        say("level of subject", () -> client.getCompatibility("money"));
        say("level without one", () -> rest.getConfig(new HashMap<>(RestService.DEFAULT_REQUEST_PROPERTIES), "money", false));
        say("set level", () -> client.updateCompatibility("money", "FULL_TRANSITIVE"));
        say("set config", () -> client.updateConfig("money", new Config("NONE")).getCompatibilityLevel());
        say("set no level", () -> client.updateCompatibility("money", "SOMETIMES"));
        say("config", () -> client.getConfig("money").getCompatibilityLevel());
        say("register under NONE", () -> client.register("money", new AvroSchema(RENAMED)));
        say("delete config", () -> {
            client.deleteConfig("money");
            return client.getCompatibility("money");
        });
        say("mode", () -> client.getMode());
        say("set mode", () -> client.setMode("READONLY", "money"));
        say("register read-only", () -> client.register("money", new AvroSchema(MONEY)));
        say("delete mode", () -> {
            client.deleteMode("money");
            return client.getMode("money");
        });
        say("set no mode", () -> client.setMode("SOMETIMES"));
    }

    void usesContexts() {
        say("register in a context", () -> client.register(LAB, new AvroSchema(GROWN)));
        say("id in a context", () -> fresh().getId(LAB, new AvroSchema(GROWN)));
        say("schema in a context", () -> fresh().getSchemaBySubjectAndId(LAB, 1).canonicalString());
        say("set level in a context", () -> client.updateCompatibility(LAB, "FULL"));
        say("versions in a context", () -> client.getAllVersions(LAB));
        say("contexts", () -> rest.getAllContexts());
        say("delete in a context", () -> client.deleteSubject(LAB));
    }

    void deletes() {
        say("delete version", () -> client.deleteSchemaVersion("money", "2"));
        say("delete version again", () -> client.deleteSchemaVersion("money", "2"));
        say("versions with deleted", () -> client.getAllVersions("money", true));
        say("deleted for good", () -> client.deleteSchemaVersion("money", "2", true));
        say("delete subject", () -> client.deleteSubject("paid"));
        say("deleted subject", () -> client.getAllVersions("paid"));
        say("subjects with deleted", () -> client.getAllSubjects(true));
        say("delete subject for good", () -> client.deleteSubject("paid", true));
        say("delete missing subject", () -> client.deleteSubject("none"));
    }
}
