import type { RawResponse } from '@countermark/testing'
import { problemOf } from '../../packages/testing/src/adapters/guarded-app.ts'

/** The status of an answer, and the code of its refusal: `200`, `401 signature_invalid`. */
export function outcomeOf(response: RawResponse): string {
  return response.status < 400 ? String(response.status) : `${response.status} ${problemOf(response)['code']}`
}
