// Writes ZIP archives and pickles by hand, for tests of what a reader must refuse.

export interface ArchiveEntry {
  readonly name: string;
  readonly data: Buffer;
  readonly method?: number;
  readonly flags?: number;
  /** Instead of the true size. */
  readonly claimedBytes?: number;
}

/** An archive of stored entries; with `zip64`, sizes and places are in ZIP64 fields only. */
export function archiveOf(entries: readonly ArchiveEntry[], zip64 = false): Buffer {
  const locals: Buffer[] = [];
  const records: Buffer[] = [];
  let offset = 0;
  for (const { name, data, method = 0, flags = 0, claimedBytes = data.length } of entries) {
    const nameBytes = Buffer.from(name);
    const local = Buffer.alloc(30);
    local.writeUInt32LE(0x04034b50);
    local.writeUInt16LE(nameBytes.length, 26);
    local.writeUInt16LE(6, 28); // padding, as torch puts it in an extra field
    const record = Buffer.alloc(46);
    record.writeUInt32LE(0x02014b50);
    record.writeUInt16LE(flags, 8);
    record.writeUInt16LE(method, 10);
    for (const [place, value] of [
      [20, claimedBytes],
      [24, claimedBytes],
      [42, offset],
    ] as const) {
      record.writeUInt32LE(zip64 ? 0xffffffff : value, place);
    }
    record.writeUInt16LE(nameBytes.length, 28);
    const extra = Buffer.alloc(zip64 ? 28 : 0);
    if (zip64) {
      extra.writeUInt16LE(1, 0);
      extra.writeUInt16LE(24, 2);
      [claimedBytes, claimedBytes, offset].forEach((value, i) => extra.writeBigUInt64LE(BigInt(value), 4 + 8 * i));
    }
    record.writeUInt16LE(extra.length, 30);
    records.push(record, nameBytes, extra);
    locals.push(local, nameBytes, Buffer.from('FB\x02\0ZZ', 'latin1'), data);
    offset += 36 + nameBytes.length + data.length;
  }
  const directory = Buffer.concat(records);
  return Buffer.concat([...locals, directory, ...endOf(entries.length, directory.length, offset, zip64)]);
}

function endOf(numEntries: number, sizeBytes: number, offset: number, zip64: boolean): Buffer[] {
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50);
  end.writeUInt16LE(zip64 ? 0xffff : numEntries, 10);
  end.writeUInt32LE(zip64 ? 0xffffffff : sizeBytes, 12);
  end.writeUInt32LE(zip64 ? 0xffffffff : offset, 16);
  if (!zip64) return [end];
  const end64 = Buffer.alloc(56);
  end64.writeUInt32LE(0x06064b50);
  [numEntries, sizeBytes, offset].forEach((value, i) => end64.writeBigUInt64LE(BigInt(value), 32 + 8 * i));
  const locator = Buffer.alloc(20);
  locator.writeUInt32LE(0x07064b50);
  locator.writeBigUInt64LE(BigInt(offset + sizeBytes), 8);
  return [end64, locator, end];
}

/** A pickle of protocol 2 from parts of text (Latin-1) and bytes. */
export function pickleOf(...parts: (string | readonly number[])[]): Buffer {
  const body = parts.map((part) => (typeof part === 'string' ? Buffer.from(part, 'latin1') : Buffer.from(part)));
  return Buffer.concat([Buffer.from([0x80, 2]), ...body]);
}

/** BINUNICODE of a text. */
export function unicode(text: string): Buffer {
  const bytes = Buffer.from(text);
  const head = Buffer.alloc(5);
  head.write('X');
  head.writeUInt32LE(bytes.length, 1);
  return Buffer.concat([head, bytes]);
}
