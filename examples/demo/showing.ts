import { type RawResponse, rawRequest, type SignedRequest, sendRaw } from '@countermark/testing'
import type { BackendProcess } from './processes.ts'
import { rawOutcome } from './scene.ts'
import { paint, say } from './screen.ts'

const LONGEST_VALUE = 92
/** What of a request is worth showing. */
const SHOWN_FIELDS = ['agent-id', 'content-digest', 'signature-input', 'signature', 'authorization']

/** Sends a signed request as it stands, and shows it with its answer. Gives what the scene is compared by. */
export async function sendShown(backend: BackendProcess, signed: SignedRequest): Promise<string> {
  showRequest(signed)
  const answer = await sendRaw(backend.port, rawRequest(signed))
  showAnswer(answer)
  return rawOutcome(answer)
}

function showRequest({ method, target, headerLines, bodyText }: SignedRequest): void {
  say(paint('bold', `${method} ${target}`))
  for (const [name, value] of headerLines) {
    if (SHOWN_FIELDS.includes(name.toLowerCase())) say(paint('dim', `${name}: ${shorten(withoutToken(value))}`))
  }
  if (bodyText !== undefined) say(bodyText)
}

function showAnswer(answer: RawResponse): void {
  const isGood = answer.status < 400
  say(paint(isGood ? 'green' : 'red', `→ ${rawOutcome(answer)}`))
  say(paint('dim', isGood ? answer.text.trim() : reasonIn(answer.text)))
}

function reasonIn(text: string): string {
  const { title, retry, constraint } = JSON.parse(text)
  const limit = constraint === undefined ? '' : `; the limit is ${constraint}`
  return `${title}${limit}; worth another try: ${retry}`
}

/** A token is a secret, here too. */
function withoutToken(value: string): string {
  return value.replace(/^(Bearer|DPoP) .*/, '$1 …')
}

function shorten(value: string): string {
  return value.length > LONGEST_VALUE ? `${value.slice(0, LONGEST_VALUE)}…` : value
}
