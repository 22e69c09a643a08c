package registry

import (
	"fmt"
	"net/http"
)

// A fault is an error as the REST API reports it: an HTTP status and, in the
// body, a code of which the first digits usually are that status.
type fault struct {
	status  int
	Code    int    `json:"error_code"`
	Message string `json:"message"`
}

// Error returns the message.
func (f *fault) Error() string { return f.Message }

func faultf(code int, format string, args ...any) *fault {
	return &fault{status: code / 100, Code: code, Message: fmt.Sprintf(format, args...)}
}

func subjectNotFound(name string) *fault { return faultf(40401, "Subject '%s' not found.", name) }

func versionNotFound(version int) *fault { return faultf(40402, "Version %d not found.", version) }

func schemaNotFound(id int) *fault { return faultf(40403, "Schema %d not found", id) }

func invalidSchema(err error) *fault { return faultf(42201, "Invalid schema: %v", err) }

func notPermitted(format string, args ...any) *fault { return faultf(42205, format, args...) }

func referenced(key versionKey) *fault {
	return faultf(42206, "One or more references exist to the schema of subject %q, version %d; delete what refers to it first",
		key.subject, key.version)
}

func unsupported(what string) *fault {
	return faultf(50101, "unsupported: this registry %s", what)
}

func unreadable(v *version, err error) *fault {
	return faultf(50001, "version %d of subject %q, which the answer depends on, cannot be read: %v", v.number, v.subject.String(), err)
}

func storeFailed(err error) *fault {
	return faultf(50001, "the registry could not store the change, which has not taken effect: %v", err)
}

func badRequest(err error) *fault {
	return &fault{status: http.StatusBadRequest, Code: http.StatusBadRequest, Message: "the request cannot be read: " + err.Error()}
}
