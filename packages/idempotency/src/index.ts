export type { AnswerStore, KeptAnswer, KeyState } from './answer-store.ts'
export { type Idempotency, type IdempotencyOptions, idempotency } from './idempotency.ts'
export { memoryAnswers } from './memory-answers.ts'
export { redisAnswers } from './redis-answers.ts'
