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
  type NodeRedisClient,
  type RedisClient,
  requireOneConnection,
  requireOneServer,
  type SendCommand,
} from './redis/redis-client.ts'
