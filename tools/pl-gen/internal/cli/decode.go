package cli

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/decode"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/museum"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/register"
)

// A decoding is one run of decode.
type decoding struct {
	form, topic, schema, registry, env, fingerprint, format string
	bare, unmask                                            bool
}

func (a *app) decode() *cobra.Command {
	var d decoding
	cmd := &cobra.Command{
		Use:   "decode [FILE]",
		Short: "Read a record's value by hand",
		Long: `decode reads the value of one record from a file or standard input, as bytes, hex
or base64, and prints how it is framed, which schema it was written with, and
its content as JSON. Personal data is masked unless --unmask is given.

The schema's id is looked up in the registry at --registry, or in the lock of
--env. Otherwise the schemas of the contracts and of the schema museum are
tried, those of --topic or all, and the answer says that it is a guess.`,
		Example: "  kcat -C -b 127.0.0.1:9092 -t pl.quiz.quiz_completed.v1 -o 42 -c 1 -D '' | pl-gen decode --registry http://127.0.0.1:8081\n  pl-gen decode value.bin --topic pl.quiz.quiz_completed.v1\n  echo 0000000007… | pl-gen decode --env staging --format json",
		Args:    arguments(cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			result, err := a.decodeValue(cmd.Context(), d, cmd.InOrStdin(), args)
			if err != nil {
				return err
			}
			return a.print(decoded{result, a.stderr}, d.format)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&d.form, "input", decode.Auto, "the form of the input: auto, raw, hex or base64")
	flags.BoolVar(&d.bare, "bare", false, "the value is Avro without framing, as in the outbox")
	flags.StringVar(&d.topic, "topic", "", "the topic that the record is from")
	flags.StringVar(&d.schema, "schema", "", "file with the writer's schema")
	flags.StringVar(&d.registry, "registry", "", "the registry's URL")
	flags.StringVar(&d.env, "env", "", "the environment whose lock says what ids mean")
	flags.StringVar(&d.fingerprint, "fingerprint", "", "the schema's fingerprint, sixteen hexadecimal digits, as in the outbox")
	flags.BoolVar(&d.unmask, "unmask", false, "show personal data")
	addDataFormat(cmd, &d.format)
	return cmd
}

func (a *app) decodeValue(ctx context.Context, d decoding, stdin io.Reader, args []string) (*decode.Result, error) {
	if err := checkDataFormat(d.format); err != nil {
		return nil, err
	}
	input, err := readInput(stdin, args)
	if err != nil {
		return nil, err
	}
	raw, err := decode.Bytes(input, d.form)
	if err != nil {
		return nil, usageError{fmt.Errorf("--input: %w", err)}
	}
	value, err := decode.Parse(raw, d.bare || d.fingerprint != "")
	if err != nil {
		return nil, err
	}
	return a.readValue(ctx, d, value)
}

// readInput reads the value. Records have up to a mebibyte; hex takes twice.
func readInput(stdin io.Reader, args []string) ([]byte, error) {
	const most = 4 << 20
	if len(args) == 1 && args[0] != "-" {
		file, err := os.Open(args[0])
		if err != nil {
			return nil, fmt.Errorf("read the value: %w", err)
		}
		defer file.Close()
		stdin = file
	}
	input, err := io.ReadAll(io.LimitReader(stdin, most+1))
	if err != nil {
		return nil, fmt.Errorf("read the value: %w", err)
	}
	if len(input) > most {
		return nil, fmt.Errorf("read the value: the input is larger than %d bytes; give one record's value", most)
	}
	return input, nil
}

func (a *app) readValue(ctx context.Context, d decoding, v decode.Value) (*decode.Result, error) {
	switch {
	case d.schema != "":
		text, err := os.ReadFile(d.schema)
		if err != nil {
			return nil, fmt.Errorf("read the schema: %w", err)
		}
		return v.Read(decode.NewCandidate(d.topic, filepath.ToSlash(d.schema), text), d.unmask)
	case d.registry != "" && v.Framing == decode.ID:
		return readRegistered(ctx, d, v)
	}
	candidates, err := a.candidates(d.topic)
	if err != nil {
		return nil, err
	}
	fingerprint, err := d.known(a, v)
	if err != nil || fingerprint == nil {
		return guess(v, candidates, d.unmask, err)
	}
	i := slices.IndexFunc(candidates, func(c decode.Candidate) bool { return c.Fingerprint == *fingerprint })
	if i < 0 {
		return nil, fmt.Errorf("no schema of the contracts or the museum has fingerprint %016x; update the checkout, or give --registry or --schema", *fingerprint)
	}
	return v.Read(candidates[i], d.unmask)
}

func guess(v decode.Value, candidates []decode.Candidate, unmask bool, err error) (*decode.Result, error) {
	if err != nil {
		return nil, err
	}
	return v.Guess(candidates, unmask)
}

func readRegistered(ctx context.Context, d decoding, v decode.Value) (*decode.Result, error) {
	registry, err := register.Open(d.registry)
	if err != nil {
		return nil, usageError{fmt.Errorf("--registry: %w", err)}
	}
	text, err := registry.Schema(ctx, v.ID)
	if err != nil {
		return nil, err
	}
	from := fmt.Sprintf("schema %d of %s", v.ID, registry.URL)
	return v.Read(decode.NewCandidate(d.topic, from, []byte(text)), d.unmask)
}

// known returns the fingerprint of the writer's schema, or nil.
func (d decoding) known(a *app, v decode.Value) (*uint64, error) {
	if d.fingerprint != "" {
		n, err := strconv.ParseUint(d.fingerprint, 16, 64)
		if err != nil {
			return nil, usageError{fmt.Errorf("--fingerprint %q is not sixteen hexadecimal digits", d.fingerprint)}
		}
		return &n, nil
	}
	if d.env == "" || v.Framing != decode.ID {
		return nil, nil
	}
	path, err := register.LockPath(d.env)
	if err != nil {
		return nil, usageError{fmt.Errorf("--env: %w", err)}
	}
	root, err := a.root()
	if err != nil {
		return nil, err
	}
	lock, err := readLock(filepath.Join(root, filepath.FromSlash(path)))
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(lock, func(e register.Entry) bool { return e.ID == v.ID })
	if i < 0 {
		return nil, fmt.Errorf("%s has no schema with id %d; register again, or give --registry", path, v.ID)
	}
	return &lock[i].Fingerprint, nil
}

// candidates returns the schemas of the contracts and of the museum, the newest
// of each topic first.
func (a *app) candidates(topic string) ([]decode.Candidate, error) {
	root, m, err := a.contracts()
	if err != nil {
		return nil, err
	}
	var list []decode.Candidate
	for _, e := range m.Events {
		if topic == "" || e.Topic == topic {
			list = append(list, decode.NewCandidate(e.Topic, "the contract of "+e.Topic, e.Text))
		}
	}
	kept, err := museum.Versions(os.DirFS(root))
	if err != nil {
		return nil, err
	}
	for name, versions := range kept {
		for _, v := range slices.Backward(versions) {
			if topic == "" || name == topic {
				list = append(list, decode.NewCandidate(name, v.File, v.Text))
			}
		}
	}
	if len(list) == 0 {
		return nil, usageError{fmt.Errorf("--topic %q: no contract has this topic", topic)}
	}
	slices.SortStableFunc(list, func(x, y decode.Candidate) int { return cmp.Compare(x.Topic, y.Topic) })
	return list, nil
}

// decoded is a result as the command prints it: the payload is the data, where
// it comes from is said on stderr.
type decoded struct {
	*decode.Result
	stderr io.Writer
}

func (d decoded) Text(w io.Writer) error {
	framing := "no framing"
	switch d.Framing {
	case decode.ID:
		framing = fmt.Sprintf("schema id %d", d.ID)
	case decode.GUID:
		framing = "schema guid " + d.GUID
	}
	certain := ""
	if d.Guessed {
		certain = " (a guess: it fits)"
	}
	fmt.Fprintf(d.stderr, "%s; %s, fingerprint %s, of %s%s\n", framing, d.Record, d.Fingerprint, d.Schema, certain)
	var out bytes.Buffer
	err := json.Indent(&out, d.Payload, "", "  ")
	_, wrote := fmt.Fprintln(w, out.String())
	return errors.Join(err, wrote)
}

func (d decoded) JSON(w io.Writer) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	return encoder.Encode(d.Result)
}
