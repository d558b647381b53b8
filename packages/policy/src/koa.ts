export type { DecisionPointOptions } from './decision-point/decision-point.ts'
export { authzen } from './decision-point/koa-router.ts'
