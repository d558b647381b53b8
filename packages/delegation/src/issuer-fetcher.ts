import { isMisconfigured, Misconfigured } from '@countermark/core'
import { createFetcher, type Fetcher, type FetcherOptions, isOutboundError } from '@countermark/outbound'

/**
 * Makes the fetcher for one thing that an issuer publishes, and refuses a URL that could never be fetched while the
 * application starts. A port that the operator wrote into the URL needs no second mention.
 * @throws {@link Misconfigured} `ERR_OPTION_INVALID`
 */
export function createIssuerFetcher(owner: string, url: string, options: FetcherOptions): Fetcher {
  const port = URL.canParse(url) ? Number(new URL(url).port) : 0
  return configured(owner, () => {
    const fetcher = createFetcher({ ports: port === 0 ? [443, 80] : [port], ...options })
    fetcher.checkUrl(url)
    return fetcher
  })
}

/**
 * Turns what a layer below refuses at start into the error that applications know.
 * @throws {@link Misconfigured} `ERR_OPTION_INVALID`
 */
export function configured<Made>(owner: string, make: () => Made): Made {
  try {
    return make()
  } catch (error) {
    if (isMisconfigured(error) || !(error instanceof TypeError || isOutboundError(error))) throw error
    throw new Misconfigured('ERR_OPTION_INVALID', `${owner}: ${error.message}`)
  }
}
