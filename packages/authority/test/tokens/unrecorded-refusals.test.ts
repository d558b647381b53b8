import { ORDERS, startAuthority } from './running-authority.ts'

describe('a refusal that the trail does not take', () => {
  it('is answered, counted each time, and told to the operator once until the trail is back', async () => {
    const faults: unknown[] = []
    let isBroken = true
    const event = async (): Promise<void> => {
      if (isBroken) throw new Error('the disk is full')
    }
    const authority = await startAuthority({ trail: { event }, onFault: (fault) => void faults.push(fault) })
    const refused = async (): Promise<unknown> =>
      (await authority.post('/token', { grant_type: 'client_credentials', resource: ORDERS })).body['error']
    const lost = (): number =>
      authority.measured.filter(({ name }) => name === 'token_refusals_unrecorded_total').length
    expect([await refused(), await refused(), lost(), faults.length]).toEqual([
      'invalid_client',
      'invalid_client',
      2,
      1,
    ])
    isBroken = false
    await refused()
    isBroken = true
    await refused()
    expect([lost(), faults.length]).toEqual([3, 2])
    await authority.close()
  })
})
