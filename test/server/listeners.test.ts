/** The suites of the API over the network: the same answers, codes and reasons as through the memory transport. */
import { suitesThrough } from '../api/suites.ts';
import { openGrpcService, openSocketService } from './grpc/listeners.ts';
import { openHttpService } from './http/listeners.ts';

suitesThrough('the gRPC listener', openGrpcService);
suitesThrough('the local listener', openSocketService);
suitesThrough('Connect over HTTP/1.1', openHttpService('Connect'));
suitesThrough('Connect with JSON over HTTP/1.1', openHttpService('Connect with JSON'));
suitesThrough('gRPC-Web over HTTP/1.1', openHttpService('gRPC-Web'));
