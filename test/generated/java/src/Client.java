import com.artifacta.v1.ArtifactServiceGrpc;
import com.artifacta.v1.ArtifactSpec;
import com.artifacta.v1.CreateArtifactRequest;
import com.artifacta.v1.ListArtifactsRequest;
import com.google.protobuf.Any;
import com.google.protobuf.ByteString;
import com.google.rpc.ErrorInfo;
import io.grpc.Grpc;
import io.grpc.InsecureChannelCredentials;
import io.grpc.StatusRuntimeException;
import io.grpc.health.v1.HealthCheckRequest;
import io.grpc.health.v1.HealthGrpc;
import io.grpc.protobuf.StatusProto;
import java.util.concurrent.TimeUnit;

/** A client in Java that has generated its own code: it pushes, lists, and reads the reason of an error. */
public final class Client {
  public static void main(String[] args) throws Exception {
    var channel = Grpc.newChannelBuilder(args[0], InsecureChannelCredentials.create()).build();
    try {
      var health = HealthGrpc.newBlockingStub(channel).withDeadlineAfter(30, TimeUnit.SECONDS);
      System.out.println("health " + health.check(HealthCheckRequest.getDefaultInstance()).getStatus());
      var artifacts = ArtifactServiceGrpc.newBlockingStub(channel).withDeadlineAfter(60, TimeUnit.SECONDS);
      var spec = ArtifactSpec.newBuilder().setSession("java").setName("a.txt");
      var data = ByteString.copyFromUtf8("from Java");
      var made = artifacts.createArtifact(CreateArtifactRequest.newBuilder().setSpec(spec).setData(data).build());
      var page = artifacts.listArtifacts(ListArtifactsRequest.newBuilder().setSession("java").build());
      var isMade = page.getArtifacts(0).getId().equals(made.getArtifact().getId());
      System.out.println("listed " + page.getArtifactsCount() + " " + isMade);
      try {
        artifacts.listArtifacts(ListArtifactsRequest.newBuilder().setSession("nosuch").build());
      } catch (StatusRuntimeException error) {
        for (Any detail : StatusProto.fromThrowable(error).getDetailsList()) {
          if (!detail.is(ErrorInfo.class)) continue;
          var info = detail.unpack(ErrorInfo.class);
          System.out.println("reason " + info.getReason() + " " + info.getDomain());
        }
      }
    } finally {
      channel.shutdownNow().awaitTermination(10, TimeUnit.SECONDS);
    }
  }
}
