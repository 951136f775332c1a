package breachlist

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/FastFilter/xorfilter"
)

// digestHex is the length of a SHA-1 digest in hexadecimal.
const digestHex = 40

// Built says what [Build] has made.
type Built struct {
	Passwords uint64 `json:"passwords"` // without those that stand in the list twice
	Bytes     int64  `json:"bytes"`     // of the file
}

// Build reads a list of SHA-1 digests, one a line in hexadecimal, in any order, and whatever follows behind a colon is passed over (the
// format of Pwned Passwords), and writes the file. What is there already is replaced at once, and only when everything went well: a
// gateway that has it open keeps what it has. Beside the file it needs 8 bytes of disk a line while it works; memory does not grow
// with the list as far as it matters: some 40 bytes for each of the 1/256 of the lines that it works on. An error names the line.
func Build(list io.Reader, file string) (Built, error) {
	scratch, err := os.MkdirTemp(filepath.Dir(file), ".breached-*")
	if err != nil {
		return Built{}, fmt.Errorf("make a folder beside the file: %w", err)
	}
	defer func() { _ = os.RemoveAll(scratch) }() // what is left over is in the way of nothing
	split := splitter{dir: scratch}
	if err := split.all(list); err != nil {
		return Built{}, errors.Join(err, split.close())
	}
	if err := split.close(); err != nil {
		return Built{}, fmt.Errorf("write a part: %w", err)
	}
	made := filepath.Join(scratch, "made")
	built, err := join(scratch, made)
	if err != nil {
		return Built{}, err
	}
	if err := os.Rename(made, file); err != nil {
		return Built{}, fmt.Errorf("put the file in its place: %w", err)
	}
	return built, nil
}

// splitter writes the digests of each part into a file of its own, so that memory holds one part at a time.
type splitter struct {
	dir   string
	files [parts]*os.File
	outs  [parts]*bufio.Writer
}

func partName(dir string, part int) string { return filepath.Join(dir, fmt.Sprintf("%02x", part)) }

func (s *splitter) all(list io.Reader) error {
	lines := bufio.NewScanner(list)
	for n := 1; lines.Scan(); n++ {
		text := bytes.TrimSpace(lines.Bytes())
		if len(text) == 0 {
			continue
		}
		if before, _, ok := bytes.Cut(text, []byte{':'}); ok {
			text = before
		}
		var digest [digestHex / 2]byte
		if len(text) != digestHex {
			return fmt.Errorf("line %d: not the SHA-1 of a password in 40 hexadecimal digits", n)
		}
		if _, err := hex.Decode(digest[:], text); err != nil {
			return fmt.Errorf("line %d: not the SHA-1 of a password in 40 hexadecimal digits", n)
		}
		if err := s.put(digest[:]); err != nil {
			return err
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("read the list: %w", err)
	}
	return nil
}

func (s *splitter) put(digest []byte) error {
	part := int(digest[0])
	if s.outs[part] == nil {
		f, err := os.OpenFile(partName(s.dir, part), os.O_CREATE|os.O_WRONLY|os.O_EXCL, 0o600)
		if err != nil {
			return fmt.Errorf("make a part: %w", err)
		}
		s.files[part], s.outs[part] = f, bufio.NewWriterSize(f, 1<<15)
	}
	if _, err := s.outs[part].Write(digest[:8]); err != nil {
		return fmt.Errorf("write a part: %w", err)
	}
	return nil
}

func (s *splitter) close() (err error) {
	for i, f := range s.files {
		if f != nil {
			err = errors.Join(err, s.outs[i].Flush(), f.Close())
			s.files[i], s.outs[i] = nil, nil
		}
	}
	return err
}

// join makes the filters of all parts and writes them to file.
func join(dir, file string) (_ Built, err error) {
	out, err := os.OpenFile(file, os.O_CREATE|os.O_WRONLY|os.O_EXCL, 0o644) //nolint:gosec // there is no secret in it, and the gateway may be another user
	if err != nil {
		return Built{}, fmt.Errorf("make the file: %w", err)
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	head := make([]byte, headSz)
	copy(head, magic)
	binary.LittleEndian.PutUint32(head[8:], version)
	binary.LittleEndian.PutUint32(head[12:], parts)
	if _, err := out.Seek(headSz, io.SeekStart); err != nil {
		return Built{}, fmt.Errorf("write the file: %w", err)
	}
	built := Built{Bytes: headSz}
	var builder xorfilter.BinaryFuseBuilder
	for part := range parts {
		keys, err := readPart(partName(dir, part))
		if err != nil {
			return Built{}, err
		}
		if len(keys) == 0 {
			continue
		}
		built.Passwords += uint64(len(keys))
		for i := range pair {
			e, err := write(out, &builder, keys, i)
			if err != nil {
				return Built{}, err
			}
			e.offset = uint64(built.Bytes)
			built.Bytes += int64(e.length)
			e.put(head[24+(part*pair+i)*entrySz:])
		}
	}
	if built.Passwords == 0 {
		return Built{}, errors.New("the list is empty")
	}
	binary.LittleEndian.PutUint64(head[16:], built.Passwords)
	binary.LittleEndian.PutUint32(head[headSz-4:], crc32.Checksum(head[:headSz-4], castagnoli))
	if _, err := out.WriteAt(head, 0); err != nil {
		return Built{}, fmt.Errorf("write the file: %w", err)
	}
	if err := out.Sync(); err != nil {
		return Built{}, fmt.Errorf("write the file: %w", err)
	}
	return built, nil
}

// readPart returns the digests of a part, each once; none where it has no file.
func readPart(name string) ([]uint64, error) {
	raw, err := os.ReadFile(name) //nolint:gosec // a file that splitter has made
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read a part: %w", err)
	}
	keys := make([]uint64, 0, len(raw)/8)
	for digest := range slices.Chunk(raw, 8) {
		keys = append(keys, binary.BigEndian.Uint64(digest))
	}
	slices.Sort(keys)
	return slices.Compact(keys), nil
}

// write makes the filter of a pair and appends its fingerprints to out.
func write(out io.Writer, builder *xorfilter.BinaryFuseBuilder, digests []uint64, which int) (entry, error) {
	keys := make([]uint64, len(digests))
	for i, d := range digests {
		keys[i] = keyOf(d, which)
	}
	f, err := xorfilter.BuildBinaryFuse[uint8](builder, keys)
	if err != nil {
		return entry{}, fmt.Errorf("build a filter: %w", err)
	}
	if _, err := out.Write(f.Fingerprints); err != nil {
		return entry{}, fmt.Errorf("write the file: %w", err)
	}
	return entry{length: uint32(len(f.Fingerprints)), seed: f.Seed, segmentLength: f.SegmentLength, segmentCount: f.SegmentCount, //nolint:gosec // a part has fewer
		sum: crc32.Checksum(f.Fingerprints, castagnoli)}, nil
}
