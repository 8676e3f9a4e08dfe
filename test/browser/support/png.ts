import { deflateSync, inflateSync, crc32 } from 'node:zlib'

// A browser writes its pictures with a few million colours and little patience. Those of a page have some hundred.

const SIGNATURE = Buffer.from('89504e470d0a1a0a', 'hex')
const MOST_COLORS = 96
/** The grounds, and the shades of the shadow: kept, however close. */
const FLAT_COLORS = 16
const CLOSE = 20 ** 2

type Picture = { readonly width: number; readonly height: number; readonly pixels: Uint32Array }

/** The same picture with at most 96 colours, as small as it gets. For pictures as Chromium writes them: 8 bits, RGB or RGBA, not interlaced. */
export const shrinkPng = (png: Buffer): Buffer => {
  const { width, height, pixels } = readPng(png)
  const palette = paletteOf(pixels)
  const indexOf = new Map(palette.map((color, index) => [color, index]))
  const rows = Buffer.alloc(height * (width + 1))
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const color = pixels[y * width + x]!
      let index = indexOf.get(color)
      if (index === undefined) indexOf.set(color, (index = nearest(color, palette)))
      rows[y * (width + 1) + 1 + x] = index
    }
  }
  const header = Buffer.alloc(13)
  header.writeUInt32BE(width, 0)
  header.writeUInt32BE(height, 4)
  header.set([8, 3, 0, 0, 0], 8)
  return Buffer.concat([
    SIGNATURE,
    chunk('IHDR', header),
    chunk('PLTE', Buffer.from(palette.flatMap(partsOf))),
    chunk('IDAT', deflateSync(rows, { level: 9, memLevel: 9 })),
    chunk('IEND', Buffer.alloc(0)),
  ])
}

const partsOf = (color: number): readonly [number, number, number] => [color >> 16, (color >> 8) & 255, color & 255]

const chunk = (type: string, data: Buffer): Buffer => {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data])
  const framed = Buffer.alloc(body.length + 8)
  framed.writeUInt32BE(data.length, 0)
  body.copy(framed, 4)
  framed.writeUInt32BE(crc32(body), body.length + 4)
  return framed
}

/** The colours that most pixels have, none close to another: so a small tick keeps its green. */
const paletteOf = (pixels: Uint32Array): readonly number[] => {
  const counts = new Map<number, number>()
  for (const color of pixels) counts.set(color, (counts.get(color) ?? 0) + 1)
  const palette: number[] = []
  for (const [color] of [...counts].toSorted((a, b) => b[1] - a[1])) {
    if (palette.length === MOST_COLORS) break
    if (palette.length < FLAT_COLORS || palette.every((each) => distance(each, color) > CLOSE)) palette.push(color)
  }
  return palette
}

const distance = (one: number, other: number): number => {
  const [red, green, blue] = partsOf(one)
  const [r, g, b] = partsOf(other)
  return (r - red) ** 2 + (g - green) ** 2 + (b - blue) ** 2
}

const nearest = (color: number, palette: readonly number[]): number => {
  const distances = palette.map((each) => distance(each, color))
  return distances.indexOf(Math.min(...distances))
}

const readPng = (png: Buffer): Picture => {
  const data: Buffer[] = []
  let [width, height, channels] = [0, 0, 0]
  for (let place = SIGNATURE.length; place < png.length;) {
    const length = png.readUInt32BE(place)
    const type = png.toString('latin1', place + 4, place + 8)
    const body = png.subarray(place + 8, place + 8 + length)
    if (type === 'IHDR') {
      ;[width, height, channels] = [body.readUInt32BE(0), body.readUInt32BE(4), body[9] === 6 ? 4 : 3]
    }
    if (type === 'IDAT') data.push(body)
    place += length + 12
  }
  return { width, height, pixels: unfilter(inflateSync(Buffer.concat(data)), width, height, channels) }
}

/** @see PNG (third edition) §9 */
const unfilter = (raw: Buffer, width: number, height: number, channels: number): Uint32Array => {
  const stride = width * channels
  const pixels = new Uint32Array(width * height)
  let above = new Uint8Array(stride)
  for (let y = 0; y < height; y++) {
    const filter = raw[y * (stride + 1)]
    const row = new Uint8Array(raw.subarray(y * (stride + 1) + 1, (y + 1) * (stride + 1)))
    for (let x = 0; x < stride; x++) {
      const left = x < channels ? 0 : row[x - channels]!
      const up = above[x]!
      const corner = x < channels ? 0 : above[x - channels]!
      const guess = [0, left, up, (left + up) >> 1, paeth(left, up, corner)][filter!]!
      row[x] = row[x]! + guess
    }
    for (let x = 0; x < width; x++) {
      const at = x * channels
      pixels[y * width + x] = (row[at]! << 16) | (row[at + 1]! << 8) | row[at + 2]!
    }
    above = row
  }
  return pixels
}

const paeth = (left: number, up: number, corner: number): number => {
  const guess = left + up - corner
  const [a, b, c] = [Math.abs(guess - left), Math.abs(guess - up), Math.abs(guess - corner)]
  return a <= b && a <= c ? left : b <= c ? up : corner
}
