// Writes ZIP archives whose entries are stored as they are, each beginning at a multiple of 64 bytes, as torch.save does (PyTorch 2,
// caffe2/serialize/inline_container.cc) so that its storages can be mapped into memory. ZIP64 fields where a number needs them (PKWARE's APPNOTE 6.3.9).
import { writeSync } from 'node:fs';
import { crc32 } from 'node:zlib';
import { writeWholeFile } from './appear-whole.ts';
import { writeAll } from './random-access.ts';
import { SIGNATURES } from './stored-zip.ts';

export interface EntryToWrite {
  readonly name: string;
  readonly sizeBytes: number;
  /** Its bytes, sizeBytes of them in all; each piece is used before the next is asked for. */
  pieces(): Iterable<Buffer>;
}

const ALIGNMENT = 64;
const FULL = 0xffffffff;
const MOST_ENTRIES = 0xffff;
const PADDING_ID = 0x4246; // "FB", the extra field that PyTorch pads with
const VERSION = 20;
const VERSION_ZIP64 = 45;
const NAMES_ARE_UTF8 = 0x0800;
const FIRST_DAY = 0x21; // 1 January 1980: the same content gives the same bytes

interface Written {
  readonly name: Buffer;
  readonly offset: number;
  readonly sizeBytes: number;
  readonly crc: number;
}

/** Writes an archive; it appears when it is complete. Numbers from `wideFrom` on go into ZIP64 fields. */
export function writeStoredZip(path: string, entries: Iterable<EntryToWrite>, wideFrom = FULL): void {
  writeWholeFile(path, (descriptor) => {
    const written: Written[] = [];
    let offset = 0;
    for (const entry of entries) {
      const name = Buffer.from(entry.name);
      const header = localHeader(name, offset, entry.sizeBytes, wideFrom);
      writeAll(descriptor, header);
      const crc = writePieces(descriptor, path, entry);
      const crcBytes = Buffer.alloc(4);
      crcBytes.writeUInt32LE(crc);
      writeSync(descriptor, crcBytes, 0, 4, offset + 14);
      written.push({ name, offset, sizeBytes: entry.sizeBytes, crc });
      offset += header.length + entry.sizeBytes;
    }
    const directory = Buffer.concat(written.map((entry) => directoryRecord(entry, wideFrom)));
    writeAll(descriptor, directory);
    writeAll(descriptor, directoryEnd(written.length, directory.length, offset, wideFrom));
  });
}

function writePieces(descriptor: number, path: string, { name, sizeBytes, pieces }: EntryToWrite): number {
  let crc = 0;
  let done = 0;
  for (const piece of pieces()) {
    writeAll(descriptor, piece);
    crc = crc32(piece, crc);
    done += piece.length;
  }
  if (done !== sizeBytes) throw new Error(`bug: ${path}: entry ${name} of ${sizeBytes} bytes has ${done}`);
  return crc;
}

function localHeader(name: Buffer, offset: number, sizeBytes: number, wideFrom: number): Buffer {
  const isWide = sizeBytes >= wideFrom;
  const wide = isWide ? wideField([sizeBytes, sizeBytes]) : Buffer.alloc(0);
  const end = offset + 30 + name.length + wide.length + 4;
  const padding = Buffer.alloc(4 + ((ALIGNMENT - (end % ALIGNMENT)) % ALIGNMENT), 'Z');
  padding.writeUInt16LE(PADDING_ID, 0);
  padding.writeUInt16LE(padding.length - 4, 2);
  const header = Buffer.alloc(30);
  header.writeUInt32LE(SIGNATURES.local, 0);
  header.writeUInt16LE(isWide ? VERSION_ZIP64 : VERSION, 4);
  header.writeUInt16LE(NAMES_ARE_UTF8, 6);
  header.writeUInt16LE(FIRST_DAY, 12);
  header.writeUInt32LE(isWide ? FULL : sizeBytes, 18);
  header.writeUInt32LE(isWide ? FULL : sizeBytes, 22);
  header.writeUInt16LE(name.length, 26);
  header.writeUInt16LE(wide.length + padding.length, 28);
  return Buffer.concat([header, name, wide, padding]);
}

function directoryRecord({ name, offset, sizeBytes, crc }: Written, wideFrom: number): Buffer {
  const isSizeWide = sizeBytes >= wideFrom;
  const isOffsetWide = offset >= wideFrom;
  const wide =
    isSizeWide || isOffsetWide
      ? wideField([...(isSizeWide ? [sizeBytes, sizeBytes] : []), ...(isOffsetWide ? [offset] : [])])
      : Buffer.alloc(0);
  const record = Buffer.alloc(46);
  record.writeUInt32LE(SIGNATURES.central, 0);
  record.writeUInt16LE(VERSION_ZIP64, 4);
  record.writeUInt16LE(wide.length > 0 ? VERSION_ZIP64 : VERSION, 6);
  record.writeUInt16LE(NAMES_ARE_UTF8, 8);
  record.writeUInt16LE(FIRST_DAY, 14);
  record.writeUInt32LE(crc, 16);
  record.writeUInt32LE(isSizeWide ? FULL : sizeBytes, 20);
  record.writeUInt32LE(isSizeWide ? FULL : sizeBytes, 24);
  record.writeUInt16LE(name.length, 28);
  record.writeUInt16LE(wide.length, 30);
  record.writeUInt32LE(isOffsetWide ? FULL : offset, 42);
  return Buffer.concat([record, name, wide]);
}

function directoryEnd(numEntries: number, sizeBytes: number, offset: number, wideFrom: number): Buffer {
  const isWide = numEntries >= MOST_ENTRIES || sizeBytes >= wideFrom || offset >= wideFrom;
  const end = Buffer.alloc(22);
  end.writeUInt32LE(SIGNATURES.end, 0);
  end.writeUInt16LE(isWide ? MOST_ENTRIES : numEntries, 8);
  end.writeUInt16LE(isWide ? MOST_ENTRIES : numEntries, 10);
  end.writeUInt32LE(isWide ? FULL : sizeBytes, 12);
  end.writeUInt32LE(isWide ? FULL : offset, 16);
  if (!isWide) return end;
  const end64 = Buffer.alloc(56);
  end64.writeUInt32LE(SIGNATURES.end64, 0);
  end64.writeBigUInt64LE(44n, 4); // bytes that follow
  end64.writeUInt16LE(VERSION_ZIP64, 12);
  end64.writeUInt16LE(VERSION_ZIP64, 14);
  [numEntries, numEntries, sizeBytes, offset].forEach((n, i) => end64.writeBigUInt64LE(BigInt(n), 24 + 8 * i));
  const locator = Buffer.alloc(20);
  locator.writeUInt32LE(SIGNATURES.locator, 0);
  locator.writeBigUInt64LE(BigInt(offset + sizeBytes), 8);
  locator.writeUInt32LE(1, 16); // of one disk
  return Buffer.concat([end64, locator, end]);
}

function wideField(numbers: readonly number[]): Buffer {
  const field = Buffer.alloc(4 + 8 * numbers.length);
  field.writeUInt16LE(1, 0);
  field.writeUInt16LE(8 * numbers.length, 2);
  numbers.forEach((n, i) => field.writeBigUInt64LE(BigInt(n), 4 + 8 * i));
  return field;
}
