package registry

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"log/slog"
	"os"
	"path/filepath"
)

// The log is text, one entry a line: the CRC-32C of the JSON in hexadecimal, a
// space, the JSON. JSON has no line breaks, so a line that ends is complete
// unless the disk reordered its sectors, which the checksum finds.
const (
	logName   = "registry.log"
	logHeader = "campus-hub schema registry log, format 1\n"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// A journal is the open log. Its caller serialises the calls.
type journal struct {
	path string
	file *os.File
	size int64 // up to here every entry is complete and on disk
	// broken is why nothing can be written any more.
	broken error
}

var errClosed = errors.New("the registry is closed")

// openJournal opens the log in dir, hands its entries to apply, and cuts off
// what was not written completely.
func openJournal(dir string, log *slog.Logger, apply func(*entry) error) (*journal, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("create the schema registry's directory: %w", err)
	}
	j := &journal{path: filepath.Join(dir, logName)}
	file, err := os.OpenFile(j.path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, fmt.Errorf("open the schema registry's log: %w", err)
	}
	j.file = file
	if err := j.start(dir, log, apply); err != nil {
		return nil, errors.Join(fmt.Errorf("read the schema registry's log %s: %w", j.path, err), file.Close())
	}
	return j, nil
}

func (j *journal) start(dir string, log *slog.Logger, apply func(*entry) error) error {
	if err := lock(j.file); err != nil {
		return fmt.Errorf("another process has it open; stop that one or choose another directory: %w", err)
	}
	if err := j.replay(apply); err != nil {
		return err
	}
	info, err := j.file.Stat()
	if err != nil {
		return err
	}
	if torn := info.Size() - j.size; torn > 0 {
		log.Warn("schema registry: cut off an entry that was not written completely and never answered",
			"path", j.path, "offset", j.size, "bytes", torn)
		if err := j.cut(); err != nil {
			return err
		}
	}
	if j.size == 0 {
		return errors.Join(j.writeHeader(), syncDir(dir))
	}
	_, err = j.file.Seek(j.size, io.SeekStart)
	return err
}

// cut makes the file end after its last complete entry.
func (j *journal) cut() error {
	if err := j.file.Truncate(j.size); err != nil {
		return err
	}
	_, err := j.file.Seek(j.size, io.SeekStart)
	return errors.Join(err, j.file.Sync())
}

func (j *journal) writeHeader() error {
	if _, err := j.file.WriteString(logHeader); err != nil {
		return err
	}
	j.size = int64(len(logHeader))
	return j.file.Sync()
}

// syncDir makes the log's name durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// replay reads the header and every complete entry and sets size to their end.
func (j *journal) replay(apply func(*entry) error) error {
	in := bufio.NewReaderSize(j.file, 1<<16)
	header, err := in.ReadString('\n')
	if err == io.EOF && len(header) < len(logHeader) && header == logHeader[:len(header)] {
		return nil
	}
	if err != nil && err != io.EOF {
		return err
	}
	if header != logHeader {
		return errors.New("the file is not a schema registry log of format 1; move it away or choose another directory")
	}
	j.size = int64(len(header))
	for {
		line, err := in.ReadBytes('\n')
		if err == io.EOF {
			return nil // nothing, or a line without its end
		}
		if err != nil {
			return err
		}
		if done, err := j.replayLine(line, in, apply); err != nil || done {
			return err
		}
		j.size += int64(len(line))
	}
}

// replayLine applies one line. A line that is damaged is the end when it is
// the last, and otherwise an error, because entries that were answered follow.
func (j *journal) replayLine(line []byte, in *bufio.Reader, apply func(*entry) error) (done bool, err error) {
	e, err := decodeLine(line)
	if err == nil {
		if err := apply(e); err != nil {
			return false, fmt.Errorf("the entry at byte %d: %w", j.size, err)
		}
		return false, nil
	}
	if _, peekErr := in.Peek(1); peekErr == io.EOF {
		return true, nil
	}
	return false, fmt.Errorf("the entry at byte %d is damaged and others follow it; restore the file from a backup: %w", j.size, err)
}

func encodeLine(e *entry) ([]byte, error) {
	text, err := json.Marshal(e)
	if err != nil {
		return nil, err
	}
	return fmt.Appendf(nil, "%08x %s\n", crc32.Checksum(text, castagnoli), text), nil
}

func decodeLine(line []byte) (*entry, error) {
	sum, text, ok := bytes.Cut(bytes.TrimSuffix(line, []byte("\n")), []byte(" "))
	if !ok || string(sum) != fmt.Sprintf("%08x", crc32.Checksum(text, castagnoli)) {
		return nil, errors.New("its checksum is wrong")
	}
	e := new(entry)
	return e, json.Unmarshal(text, e)
}

// append writes an entry and returns when it is on disk. After an error the
// entry is not in the log; if that is uncertain the journal takes no more.
func (j *journal) append(e *entry) error {
	if j.broken != nil {
		return j.broken
	}
	line, err := encodeLine(e)
	if err != nil {
		return err
	}
	if _, err := j.file.Write(line); err != nil {
		return j.undo(err)
	}
	if err := j.file.Sync(); err != nil {
		j.broken = fmt.Errorf("a write to %s may be lost; restart the registry: %w", j.path, err)
		return j.broken
	}
	j.size += int64(len(line))
	return nil
}

// undo removes what a failed write left.
func (j *journal) undo(cause error) error {
	if err := j.cut(); err != nil {
		j.broken = fmt.Errorf("%s cannot be repaired after a failed write; restart the registry: %w", j.path, errors.Join(cause, err))
		return j.broken
	}
	return cause
}

func (j *journal) close() error {
	if errors.Is(j.broken, errClosed) {
		return nil
	}
	j.broken = errClosed
	return j.file.Close()
}
