/** The flags with which a service listens on free ports of the loopback interface: gRPC, HTTP and the admin listener. */
export const freePorts = ['--grpc-listen', '--http-listen', '--admin-listen'].flatMap((flag) => [
  flag,
  '127.0.0.1:0',
]);
