export type { ApiKeyRecord, ApiKeysOptions } from './api-key-options.ts'
export { apiKeys, hashApiKey } from './api-keys.ts'
export type { Brownout } from './calendar.ts'
