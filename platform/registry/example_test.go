package registry_test

import (
	"context"
	"fmt"
	"net/http/httptest"

	"github.com/twmb/franz-go/pkg/sr"

	"github.com/pulselearn/campus-hub/platform/registry"
)

func ExampleOpen() {
	r, err := registry.Open("", registry.Options{}) // a directory keeps the schemas
	if err != nil {
		fmt.Println(err)
		return
	}
	server := httptest.NewServer(r.Handler())
	defer server.Close()
	client, err := sr.NewClient(sr.URLs(server.URL))
	if err != nil {
		fmt.Println(err)
		return
	}
	s, err := client.CreateSchema(context.Background(), "pl.quiz.quiz_completed.v1-value", sr.Schema{Schema: `"string"`})
	fmt.Println(s.ID, s.Version, s.Schema.Schema, err)
	// Output: 1 1 "string" <nil>
}
