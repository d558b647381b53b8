import { promisify } from 'node:util'
import { deflate } from 'node:zlib'
import type { Answer } from '../http/answer.ts'
import { statusListUri } from '../issuing/access-token.ts'
import { signJwt } from '../issuing/sign-jwt.ts'
import type { TokenSettings } from '../token-settings.ts'
import { PLACES_PER_LIST } from './status-places.ts'

const deflateAsync = promisify(deflate)

/** How long a service may keep a list; it learns of a stop sooner by the feed of revocations. Seconds. */
const TTL_SECONDS = 30
/** How long a list counts when the authority is away. Seconds. */
const LIFETIME_SECONDS = 86_400

/** Answers with a Status List Token (draft-ietf-oauth-status-list section 8.1), or with 404. */
export async function answerStatusList(listId: number, settings: TokenSettings): Promise<Answer> {
  const token = await createStatusListToken(listId, settings)
  if (token === undefined)
    return { status: 404, headers: { 'content-type': 'text/plain' }, body: 'no such status list\n' }
  return {
    status: 200,
    headers: {
      'content-type': 'application/statuslist+jwt',
      'cache-control': `public, max-age=${TTL_SECONDS}`,
      'access-control-allow-origin': '*',
    },
    body: token,
  }
}

async function createStatusListToken(
  listId: number,
  { tables, issuer, environment, keys }: TokenSettings,
): Promise<string | undefined> {
  const { reads } = tables
  const list = await reads
    .selectFrom('token_status_lists')
    .select('list_id')
    .where('list_id', '=', listId)
    .executeTakeFirst()
  if (list === undefined) return undefined
  const now = Math.floor(environment.clock.wallMs() / 1000)
  const revoked = await reads
    .selectFrom('tokens')
    .select('list_index')
    .where('list_id', '=', listId)
    .where('revoked_at', 'is not', null)
    .where('expires_at', '>', now)
    .execute()
  return signJwt(keys, 'statuslist+jwt', {
    iss: issuer,
    sub: statusListUri(issuer, listId),
    iat: now,
    exp: now + LIFETIME_SECONDS,
    ttl: TTL_SECONDS,
    status_list: { bits: 1, lst: await packBits(revoked.map((row) => row.list_index)) },
  })
}

/** One bit for each place, the first in the lowest one (section 4.1), compressed. */
async function packBits(indices: readonly number[]): Promise<string> {
  const bytes = Buffer.alloc(PLACES_PER_LIST / 8)
  for (const index of indices) bytes[index >> 3] = (bytes[index >> 3] ?? 0) | (1 << (index & 7))
  return (await deflateAsync(bytes)).toString('base64url')
}
