import { describe } from 'vitest';
import { artifactsSuite } from '../api/artifacts.suite.ts';
import { openGrpcDoor, openSocketDoor } from './grpc-doors.ts';

describe('artifacts through the gRPC door', () => artifactsSuite(openGrpcDoor));
describe('artifacts through the local door', () => artifactsSuite(openSocketDoor));
