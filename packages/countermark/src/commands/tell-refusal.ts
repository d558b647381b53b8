import { isJsonObject, type JsonObject } from '@countermark/core/internal'
import { isRefusalCode, pageOf } from './code-pages.ts'
import { paint, say, type Terminal } from './terminal.ts'

/** Says what a service refused, where in the input it saw the fault, and what its documentation says to do. */
export function tellRefusal(terminal: Terminal, status: number, answer: JsonObject): void {
  const { code = answer['error'], detail = answer['error_description'], errors } = answer
  const places = Array.isArray(errors) ? errors.filter(isJsonObject) : []
  say(
    terminal,
    `${paint(terminal, 'bad', 'no')}: ${status} ${code ?? 'without a code'}: ${detail ?? ''}`,
    ...places.map(({ pointer, message }) => `  ${pointer}: ${message}`),
    ...membersOf(answer),
    ...adviceOn(code),
  )
}

/** Members that say more, in the order of their names. */
function membersOf({ scopes }: JsonObject): readonly string[] {
  return Array.isArray(scopes) ? [`  scopes: ${scopes.join(' ')}`] : []
}

/** What documentation says, without the status that it begins with. */
function adviceOn(code: unknown): readonly string[] {
  if (typeof code !== 'string') return []
  if (OAUTH[code] !== undefined) return [`  what to do: ${OAUTH[code]}`]
  if (!isRefusalCode(code)) return []
  const [first = ''] = pageOf(code).split('\n\n')
  return [`  what to do: ${first.replace(/^\d{3}\.\s+/, '').replaceAll('\n', ' ')}`]
}

/** Codes of OAuth (RFC 6749 section 5.2, RFC 8693, RFC 8707), which have no page of ours. */
const OAUTH: Readonly<Record<string, string>> = {
  invalid_request: 'a parameter is missing or wrong, or the subject token does not hold: token inspect says why',
  invalid_client: 'the agent proves itself by a registered key and must be active: agent show, key list',
  invalid_grant: 'what was redeemed does not count any more: begin again with a new one',
  unauthorized_client: 'this client may not ask for tokens: agents do',
  invalid_scope: 'ask for less: agent show says what the agent may do, token inspect what the subject token allows',
  invalid_target: 'name a service that the authority knows: --service, and services in its options',
  invalid_authorization_details: 'ask for constraints that are as strict as those of the subject token, or stricter',
  actor_unauthorized: 'the subject token lets another agent act, or may go no further',
  invalid_dpop_proof: 'make a new proof for this request and this key',
  access_denied: 'the person said no',
  temporarily_unavailable: 'try again in a moment',
}
