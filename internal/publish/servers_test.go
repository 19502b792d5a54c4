package publish_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"daybook/internal/testenv"
)

type awsServer struct{ testenv.AWS }

func (a awsServer) s3() *s3.Client {
	return s3.New(s3.Options{Region: a.Region, BaseEndpoint: &a.Endpoint, UsePathStyle: true, Credentials: credentials.NewStaticCredentialsProvider(a.AccessKey, a.SecretKey, "")})
}

func (a awsServer) dynamoDB() *dynamodb.Client {
	return dynamodb.New(dynamodb.Options{Region: a.Region, BaseEndpoint: &a.Endpoint, Credentials: credentials.NewStaticCredentialsProvider(a.AccessKey, a.SecretKey, "")})
}

func bucket(t *testing.T) (awsServer, string) {
	at, name := testenv.Bucket(t)
	return awsServer{at}, name
}
