package kafka

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// A record batch of Kafka's format begins with its first offset (8 bytes) and
// the length of the rest (4); the checksum is at byte 17 and covers everything
// from byte 21 on. (Kafka protocol guide, "Record Batch".)
const (
	batchLengthAt = 8
	batchHeader   = 12
	batchCRCAt    = 17
	batchCRCFrom  = 21
	maxBatch      = 1 << 30
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// verify reads every segment and fails on the first one that is damaged. The
// broker itself would cut a damaged segment off and go on without the records
// behind. An incomplete batch at the end of a segment is what a killed process
// leaves of a record that it never acknowledged; the broker cuts that off.
func verify(ctx context.Context, dir string) error {
	var errs []error
	err := filepath.WalkDir(filepath.Join(dir, "partitions"), func(path string, _ fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil // nothing was published yet
		case err != nil:
			return err
		case filepath.Ext(path) == ".dat":
			errs = append(errs, verifySegment(path))
		}
		return ctx.Err()
	})
	return errors.Join(err, errors.Join(errs...))
}

func verifySegment(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	in := bufio.NewReaderSize(f, 1<<16)
	var pos int64
	for {
		n, err := verifyBatch(in)
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
			return nil
		case err != nil:
			return fmt.Errorf("%s is damaged at byte %d: %w; restore the data directory from a backup, or move it away to start with an empty broker",
				path, pos, err)
		}
		pos += n
	}
}

// verifyBatch reads one batch and returns its size.
func verifyBatch(in *bufio.Reader) (int64, error) {
	head := make([]byte, batchCRCFrom)
	if _, err := io.ReadFull(in, head); err != nil {
		return 0, err
	}
	length := int64(binary.BigEndian.Uint32(head[batchLengthAt:]))
	if length < batchCRCFrom-batchHeader || length > maxBatch {
		return 0, fmt.Errorf("record batch claims a length of %d bytes", length)
	}
	sum := crc32.New(castagnoli)
	if _, err := io.CopyN(sum, in, length-(batchCRCFrom-batchHeader)); err != nil {
		return 0, io.ErrUnexpectedEOF
	}
	if want := binary.BigEndian.Uint32(head[batchCRCAt:]); sum.Sum32() != want {
		return 0, fmt.Errorf("record batch has checksum %08x, want %08x", sum.Sum32(), want)
	}
	return batchHeader + length, nil
}
