import type { SignableResponse } from './signable-message.ts'

/**
 * What a signature over a response covers at least (profile section 3): the answer, where it sends the caller, and which
 * request it answers. Without the request's own parameters an answer to one request would pass for the answer to another.
 */
export function responseComponents(
  response: SignableResponse,
  requestLabel: string | undefined,
  hasContent: boolean,
): readonly string[] {
  const { headers, request, status } = response
  const isRedirect = status >= 300 && status <= 399
  const content = [
    ...(hasContent ? ['content-digest'] : []),
    ...(headers.has('content-type') ? ['content-type'] : []),
    ...(isRedirect && headers.has('location') ? ['location'] : []),
  ]
  if (request === undefined) return ['@status', ...content]
  const query = request.target.includes('?') ? ['@query;req'] : []
  const signed = requestLabel === undefined ? [] : [`signature-input;req;key="${requestLabel}"`]
  return ['@status', ...content, '@method;req', '@authority;req', '@path;req', ...query, ...signed]
}
