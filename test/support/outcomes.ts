import { isMisconfigured, isRefusal, isUnavailable } from '@countermark/core'

/** The code of the refusal or the start-up error that is thrown; the text of any other error; `undefined` where none is thrown. */
export function thrownCode(run: () => unknown): string | undefined {
  try {
    run()
    return undefined
  } catch (error) {
    return isMisconfigured(error) || isRefusal(error) || isUnavailable(error) ? error.code : String(error)
  }
}
