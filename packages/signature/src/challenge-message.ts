const PURPOSE = /^[a-z](?:[a-z0-9.-]{0,62}[a-z0-9])?$/
const MESSAGE = /^[a-z](?:[a-z0-9.-]{0,62}[a-z0-9])?:[A-Za-z0-9._-]{1,128}$/

/** Whether a word may say what a challenge is for, such as `approve-request`. */
export function isPurpose(text: string): boolean {
  return PURPOSE.test(text)
}

/**
 * Whether a text may be signed as an answer to a challenge, such as `approve-request:174325`. One line of a lower-case
 * word, a colon and a suffix: no RFC 9421 base (begins with a quotation mark), no `simple-v1` text and no action (ten
 * lines), no JOSE input (has no colon), and no `simple-v0` message (ends in ten digits).
 */
export function isChallengeMessage(text: string): boolean {
  return MESSAGE.test(text) && !/[0-9]{10}$/.test(text)
}

/** What a challenge message is for. */
export function purposeOf(message: string): string {
  return message.slice(0, message.indexOf(':'))
}
