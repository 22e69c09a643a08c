package main

import (
	"strings"
	"testing"
)

func TestSummarize(t *testing.T) {
	in := strings.Join([]string{
		`{"Action":"output","Package":"p","Test":"TestA","Output":"chatter\n"}`,
		`{"Action":"output","Package":"p","Test":"TestA","Output":"    a_test.go:3: report: 7 effects\n"}`,
		`{"Action":"pass","Package":"p","Test":"TestA","Elapsed":0.1}`,
		`{"Action":"output","Package":"p","Test":"TestB","Output":"    b_test.go:4: report: 8 effects\n"}`,
		`{"Action":"output","Package":"p","Test":"TestB","Output":"    b_test.go:5: want 1, got 2\n"}`,
		`{"Action":"output","Package":"p","Test":"TestB","Output":"        and more of it\n"}`,
		`{"Action":"output","Package":"p","Test":"TestB","Output":"    b_test.go:5: want 3, got 4\n"}`,
		`{"Action":"fail","Package":"p","Test":"TestB"}`,
		`{"Action":"output","Package":"p","Test":"TestC","Output":"=== RUN   TestC\n"}`,
		`{"Action":"output","Package":"p","Test":"TestC","Output":"    c_test.go:9: no server\n"}`,
		`{"Action":"skip","Package":"p","Test":"TestC"}`,
		`{"Action":"fail","Package":"p","Elapsed":1.5}`,
		`{"Action":"output","Package":"q","Output":"panic: boom\n"}`,
		`{"Action":"fail","Package":"q","Elapsed":0.2}`,
		`{"Action":"fail","Package":"s","Test":"TestD"}`,
		`{"Action":"output","Package":"s","Test":"TestE","Output":"panic: test timed out after 20m0s\n"}`,
		`{"Action":"fail","Package":"s","Elapsed":1200}`,
		`{"Action":"pass","Package":"r","Elapsed":2}`,
	}, "\n")
	want := strings.Join([]string{
		"    \tTestA: 7 effects",
		"    b_test.go:4: report: 8 effects",
		"    b_test.go:5: want 1, got 2",
		"        and more of it",
		"    b_test.go:5: want 3, got 4",
		"FAIL\tp\t1.500s",
		"panic: boom",
		"FAIL\tq\t0.200s",
		"s TestE did not end:",
		"panic: test timed out after 20m0s",
		"FAIL\ts\t1200.000s",
		"ok  \tr\t2.000s",
		"SKIPPED p TestC: c_test.go:9: no server",
		"FAILED p TestB",
		"    b_test.go:5: want 1, got 2",
		"FAILED q",
		"    panic: boom",
		"FAILED s TestD",
		"FAILED s TestE did not end",
		"    panic: test timed out after 20m0s",
		"1 passed, 4 failed, 1 skipped",
		"",
	}, "\n")
	var out strings.Builder
	if _, err := summarize(strings.NewReader(in), &out); err != nil {
		t.Fatal(err)
	}
	if out.String() != want {
		t.Errorf("got:\n%s\nwant:\n%s", out.String(), want)
	}
}
