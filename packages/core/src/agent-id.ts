const AGENT_ID = /^[A-Za-z0-9][A-Za-z0-9._:@/-]{0,127}$/
const KEY_ID = /^[\x20-\x7e]{1,256}$/

/** Whether a string may name an agent: 1 to 128 of `A-Z a-z 0-9 . _ : @ / -`, starting with a letter or digit. */
export function isAgentId(text: string): boolean {
  return AGENT_ID.test(text)
}

/** Whether a string may name a key: 1 to 256 printable ASCII characters. A key id is never a path, a URL to fetch or SQL. */
export function isKeyId(text: string): boolean {
  return KEY_ID.test(text)
}
