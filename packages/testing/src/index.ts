export type { AdapterUnderTest } from './adapters/adapter-under-test.ts'
export { describeAdapter } from './adapters/describe-adapter.ts'
export type { RequestToSign, SignedRequest } from './agent/request-to-sign.ts'
export { agentKeyOf, createTestAgent, keySourceOf, type TestAgent } from './agent/test-agent.ts'
export { aRequest } from './environment/a-request.ts'
export {
  createFakeClock,
  createRecordingObserver,
  createRecordingRecorder,
  createTestEnvironment,
  type FakeClock,
  type RecordingObserver,
  type TestEnvironment,
} from './environment/test-environment.ts'
export {
  createTempFolder,
  findFreePort,
  findProgram,
  requireProgram,
  type StartedProgram,
  startProgram,
  type TempFolder,
} from './servers/programs.ts'
export { type RawResponse, rawRequest, sendRaw } from './servers/send-raw.ts'
export { requirePostgres, startPostgres } from './servers/start-postgres.ts'
export { type StartedRedis, type StartedRedisCluster, startRedis, startRedisCluster } from './servers/start-redis.ts'
export { type StartedServer, startServer } from './servers/start-server.ts'
