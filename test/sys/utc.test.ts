import t from 'tap'
import { utcText } from '../../lib/sys/utc.js'

const said = (date: Date, say: (date: Date) => string): string => {
  try {
    return say(date)
  } catch (error) {
    return String(error)
  }
}

t.test('a date is told as toISOString does', async t => {
  const moments = [
    '2026-01-02T03:04:05.006Z',
    '1999-12-31T23:59:59.999Z',
    '2024-02-29T00:00:00.000Z',
    '9999-12-31T23:59:59.999Z',
  ]
  const odd = ['0999-01-01T00:00:00Z', '+010000-01-01T00:00:00Z', '-000001-01-01T00:00:00Z', 'no date']
  for (const text of [...moments, ...odd]) {
    const date = new Date(text)
    t.equal(
      said(date, utcText),
      said(date, date => date.toISOString()),
      text,
    )
  }
  for (const text of moments) t.equal(utcText(new Date(text)), text)
})
