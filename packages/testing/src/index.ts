export { type AgentRequestInput, aRequest } from './a-request.ts'
export type {
  AdapterApp,
  AdapterChecks,
  AdapterExchange,
  AdapterUnderTest,
  BodyParser,
  CreateAdapterChecks,
} from './adapter-under-test.ts'
export { type CapturedWarning, useCapturedWarnings } from './capture-warnings.ts'
export { describeAdapter } from './describe-adapter.ts'
export { createFakeClock, type FakeClock } from './fake-clock.ts'
export { findProgram, requireProgram } from './find-program.ts'
export { findFreePort } from './free-port.ts'
export {
  type AdapterKit,
  type GuardedApp,
  type GuardedAppInput,
  type PlainInput,
  problemOf,
  type StartGuardedApp,
  useGuardedApps,
} from './guarded-app.ts'
export { agentKeyOf, keySourceOf } from './key-source-of.ts'
export type { PlainRequest, RequestInput } from './plain-request.ts'
export type { RawResponse } from './raw-response.ts'
export {
  createRecordingObserver,
  createRecordingRecorder,
  type RecordingObserver,
  type RecordingRecorder,
} from './recording-observer.ts'
export type { RequestToSign, SignedRequest, SigningForm, Tampering } from './request-to-sign.ts'
export { type RawRequestInput, rawRequest, type SendRawOptions, sendRaw } from './send-raw.ts'
export { requirePostgres, type StartedPostgres, startPostgres } from './start-postgres.ts'
export { type ProgramOptions, type StartedProgram, startProgram } from './start-program.ts'
export { type RedisOptions, type StartedRedis, startRedis } from './start-redis.ts'
export { type RedisClusterOptions, type StartedRedisCluster, startRedisCluster } from './start-redis-cluster.ts'
export { type StartedServer, startServer } from './start-server.ts'
export { createTempFolder, type TempFolder } from './temp-folder.ts'
export { createTestAgent, type TestAgent, type TestAgentOptions } from './test-agent.ts'
export { createTestEnvironment, type TestEnvironment, type TestEnvironmentOptions } from './test-environment.ts'
export type { TestJwk, TestKey } from './test-key.ts'
