export { type MemoryReplayStoreOptions, memoryReplayStore } from './memory-replay-store.ts'
export { type PreventReplayOptions, preventReplay, type ReplayFacts } from './prevent-replay.ts'
export { type RedisReplayStore, type RedisReplayStoreOptions, redisReplayStore } from './redis/redis-replay-store.ts'
