/** Fields that say for whom a request is made. They are signed whenever they are sent, whatever anybody asks for. */
export const CREDENTIAL_FIELDS: readonly string[] = [
  'authorization',
  'dpop',
  'agent-delegation',
  'txn-token',
  'workload-identity-token',
]
