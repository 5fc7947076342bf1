package windsock;

import java.util.Collection;
import java.util.List;
import java.util.function.Function;
import java.util.function.Predicate;
import java.util.function.Supplier;
import org.elasticsearch.client.internal.node.NodeClient;
import org.elasticsearch.cluster.metadata.IndexNameExpressionResolver;
import org.elasticsearch.cluster.node.DiscoveryNodes;
import org.elasticsearch.cluster.routing.allocation.decider.AllocationDecider;
import org.elasticsearch.common.io.stream.NamedWriteableRegistry;
import org.elasticsearch.common.settings.ClusterSettings;
import org.elasticsearch.common.settings.IndexScopedSettings;
import org.elasticsearch.common.settings.Settings;
import org.elasticsearch.common.settings.SettingsFilter;
import org.elasticsearch.features.NodeFeature;
import org.elasticsearch.plugins.ActionPlugin;
import org.elasticsearch.plugins.ClusterPlugin;
import org.elasticsearch.plugins.Plugin;
import org.elasticsearch.rest.BaseRestHandler;
import org.elasticsearch.rest.RestController;
import org.elasticsearch.rest.RestHandler;
import org.elasticsearch.rest.RestRequest;
import org.elasticsearch.rest.RestResponse;
import org.elasticsearch.rest.RestStatus;
import org.elasticsearch.xcontent.NamedXContentRegistry;
import org.elasticsearch.xcontent.ParseField;
import org.elasticsearch.xcontent.XContentBuilder;
import org.elasticsearch.xcontent.XContentParser;
import org.elasticsearch.xcontent.XContentParserConfiguration;
import org.elasticsearch.xcontent.json.JsonXContent;
import org.elasticsearch.xpack.cluster.routing.allocation.DataTierAllocationDecider;
import org.elasticsearch.xpack.core.ilm.DeleteAction;
import org.elasticsearch.xpack.core.ilm.ForceMergeAction;
import org.elasticsearch.xpack.core.ilm.LifecycleAction;
import org.elasticsearch.xpack.core.ilm.LifecyclePolicy;
import org.elasticsearch.xpack.core.ilm.LifecycleType;
import org.elasticsearch.xpack.core.ilm.MigrateAction;
import org.elasticsearch.xpack.core.ilm.SetPriorityAction;
import org.elasticsearch.xpack.core.ilm.Step;
import org.elasticsearch.xpack.core.ilm.TimeseriesLifecycleType;
import org.elasticsearch.xpack.core.ilm.UpdateSettingsStep;

/**
 * What x-pack-core has of data tiers, in a server without the rest of x-pack: on which node an index may be, and at
 * POST /_windsock/steps what lifecycle does with an index under a policy, step by step.
 */
public class TiersPlugin extends Plugin implements ClusterPlugin, ActionPlugin {
    private static final NamedXContentRegistry KNOWN = new NamedXContentRegistry(List.of(
        new NamedXContentRegistry.Entry(
            LifecycleType.class, new ParseField(TimeseriesLifecycleType.TYPE), p -> TimeseriesLifecycleType.INSTANCE),
        new NamedXContentRegistry.Entry(
            LifecycleAction.class, new ParseField(SetPriorityAction.NAME), SetPriorityAction::parse),
        new NamedXContentRegistry.Entry(
            LifecycleAction.class, new ParseField(ForceMergeAction.NAME), ForceMergeAction::parse),
        new NamedXContentRegistry.Entry(LifecycleAction.class, new ParseField(MigrateAction.NAME), MigrateAction::parse),
        new NamedXContentRegistry.Entry(LifecycleAction.class, new ParseField(DeleteAction.NAME), DeleteAction::parse)));

    @Override
    public Collection<AllocationDecider> createAllocationDeciders(Settings settings, ClusterSettings clusterSettings) {
        return List.of(DataTierAllocationDecider.INSTANCE);
    }

    @Override
    public List<RestHandler> getRestHandlers(
            Settings settings, NamedWriteableRegistry writeables, RestController controller,
            ClusterSettings clusterSettings, IndexScopedSettings indexSettings, SettingsFilter filter,
            IndexNameExpressionResolver names, Supplier<DiscoveryNodes> nodes, Predicate<NodeFeature> features) {
        return List.of(new Steps());
    }

    /** What a step changes of an index's settings; the method has another name in 9.x. */
    private static Settings settings(UpdateSettingsStep step) throws ReflectiveOperationException {
        try {
            return (Settings) UpdateSettingsStep.class.getMethod("getSettings").invoke(step);
        } catch (NoSuchMethodException absent) {
            Object supplier = UpdateSettingsStep.class.getMethod("getSettingsSupplier").invoke(step);
            return (Settings) ((Function<?, ?>) supplier).apply(null);
        }
    }

    private static class Steps extends BaseRestHandler {
        @Override
        public String getName() {
            return "windsock_steps";
        }

        @Override
        public List<Route> routes() {
            return List.of(new Route(RestRequest.Method.POST, "/_windsock/steps"));
        }

        @Override
        protected RestChannelConsumer prepareRequest(RestRequest request, NodeClient client) throws java.io.IOException {
            XContentParserConfiguration reading = XContentParserConfiguration.EMPTY.withRegistry(KNOWN);
            LifecyclePolicy policy;
            try (XContentParser parser =
                    JsonXContent.jsonXContent.createParser(reading, request.content().streamInput())) {
                policy = LifecyclePolicy.parse(parser, "windsock");
            }
            policy.validate();
            List<Step> steps = policy.toSteps(client, null);
            return channel -> {
                XContentBuilder answer = channel.newBuilder().startObject().startArray("steps");
                for (Step step : steps) {
                    answer.startObject();
                    answer.field("phase", step.getKey().phase());
                    answer.field("action", step.getKey().action());
                    answer.field("name", step.getKey().name());
                    if (step instanceof UpdateSettingsStep update) {
                        answer.startObject("settings");
                        try {
                            settings(update).toXContent(answer, request);
                        } catch (ReflectiveOperationException error) {
                            throw new IllegalStateException(error);
                        }
                        answer.endObject();
                    }
                    answer.endObject();
                }
                channel.sendResponse(new RestResponse(RestStatus.OK, answer.endArray().endObject()));
            };
        }
    }
}
