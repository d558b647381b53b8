import { isMisconfigured } from '@countermark/core'
import { assessRisk, type MmdbReader, mmdbNetwork } from '@countermark/risk'
import { Reader } from 'mmdb-lib'
import { createMmdb, type Prefixes } from './an-mmdb.ts'

const read = (prefixes: Prefixes): Reader<never> => new Reader<never>(createMmdb(prefixes))

const SYSTEMS = read({ '192.0.2.0/24': { autonomous_system_number: 64500 }, '198.51.100.0/25': { asn: 'AS64501' } })
const COUNTRIES = read({ '192.0.2.0/24': { country: { iso_code: 'DE' } }, '203.0.113.0/24': { country: 'FR' } })

describe('mmdbNetwork', () => {
  const network = mmdbNetwork(SYSTEMS, COUNTRIES)

  it.each([
    ['192.0.2.7', { asn: 64500, country: 'DE' }],
    ['198.51.100.9', { asn: 64501, country: undefined }],
    ['203.0.113.200', { asn: undefined, country: 'FR' }],
    ['198.51.100.200', undefined],
    ['10.0.0.1', undefined],
  ])('finds where %s belongs', (address, place) => {
    expect(network(address)).toEqual(place)
  })

  it.each([
    ['nothing', null],
    ['a text', 'AS1'],
    ['members of other types', { autonomous_system_number: -1, country: { iso_code: 'Germany' } }],
    ['a number that is none', { asn: 'AS', country: 7 }],
  ])('knows nothing where a file has %s', (_, record) => {
    expect(mmdbNetwork({ get: () => record })('192.0.2.7')).toBeUndefined()
  })

  it.each([{ readers: [] }, { readers: [{}] }, { readers: [undefined] }])('refuses $readers', ({ readers }) => {
    const given = readers as unknown as MmdbReader[]
    expect(() => mmdbNetwork(...given)).toThrow(/maxmind\.open/)
  })

  it('may break without a request being refused', () => {
    const broken = mmdbNetwork({ get: () => assessRisk({ network: 7 as never }) })
    expect(catchError(() => broken('192.0.2.7'))).toBe(true)
    expect(() => assessRisk({ network: broken })).not.toThrow()
  })
})

function catchError(work: () => unknown): boolean {
  try {
    work()
    return false
  } catch (error) {
    return isMisconfigured(error)
  }
}
