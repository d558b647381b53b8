export type { SecondLevel } from '@countermark/outbound'
export { firstOf } from './first-of.ts'
export { type FromFileOptions, fromFile } from './from-file.ts'
export { type JwksOptions, jwks } from './jwks.ts'
export {
  type IoredisClient,
  type NodeRedisClient,
  type RedisSecondLevelOptions,
  redisSecondLevel,
} from './redis-second-level.ts'
export { type RegistryOptions, registry } from './registry.ts'
export type { RemoteKeysOptions } from './remote-options.ts'
export { type StaticKey, type StaticKeysOptions, staticKeys } from './static-keys.ts'
