export type { DecisionPointOptions } from './decision-point/decision-point.ts'
export { authzen } from './decision-point/express-router.ts'
