export {
  type AskRedis,
  type AskRedisOptions,
  createAskRedis,
  REDIS_BREAKER,
  reportDegraded,
} from './redis/ask-redis.ts'
export {
  clearKeys,
  createSender,
  type IoredisClient,
  isRedisCluster,
  type NodeRedisClient,
  type NodeRedisCluster,
  type RedisClient,
  requireNoPool,
  requireOneServer,
  type SendCommand,
} from './redis/redis-client.ts'
