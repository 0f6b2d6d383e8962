/** The suites of the API over the network: the same answers, codes and reasons as through the memory door. */
import { suitesThrough } from '../api/suites.ts';
import { openGrpcDoor, openSocketDoor } from './grpc/doors.ts';
import { openHttpDoor } from './http/doors.ts';

suitesThrough('the gRPC door', openGrpcDoor);
suitesThrough('the local door', openSocketDoor);
suitesThrough('Connect over HTTP/1.1', openHttpDoor('Connect'));
suitesThrough('Connect with JSON over HTTP/1.1', openHttpDoor('Connect with JSON'));
suitesThrough('gRPC-Web over HTTP/1.1', openHttpDoor('gRPC-Web'));
