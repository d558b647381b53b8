import { isMisconfigured, isRefusal, isUnavailable } from '@countermark/core'
import type { RawResponse } from '@countermark/testing'

/** The status of an answer, and the code of its refusal: `200`, `401 signature_invalid`. */
export function outcomeOf(response: RawResponse): string {
  return response.status < 400 ? String(response.status) : `${response.status} ${JSON.parse(response.text).code}`
}

/** The code of the refusal or the start-up error that is thrown; the text of any other error; `undefined` where none is thrown. */
export function thrownCode(run: () => unknown): string | undefined {
  try {
    run()
    return undefined
  } catch (error) {
    return isMisconfigured(error) || isRefusal(error) || isUnavailable(error) ? error.code : String(error)
  }
}
